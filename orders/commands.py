"""What people want of orders."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, field

from eventstore.clock import new_id
from eventstore.messages import Command, command
from orders.events import Charge, Currency, Line, Text

Lines = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=2000)]
Charges = Annotated[tuple[Charge, ...], Meta(max_length=20)]


@command("orders.place_order")
class PlaceOrder(Command):
    """Buy these lines. A client that picks the id itself can repeat the command: it is the same order.

    `pay_from` is the ledger account in which the money is held until the order is confirmed or given up.
    """

    currency: Currency
    customer_ref: Text
    lines: Lines
    order_id: UUID = field(default_factory=new_id)
    charges: Charges = ()
    external_id: Text | None = None
    pay_from: UUID | None = None


@command("orders.update_order")
class UpdateOrder(Command):
    """Change what is ordered, or who ordered it; what is left out stays."""

    order_id: UUID
    customer_ref: Text | None = None
    lines: Lines | None = None
    charges: Charges | None = None


@command("orders.confirm_order")
class ConfirmOrder(Command):
    """Fulfil the order: its money is held by this hold. With `version` only as it was then: another one may cost something else."""

    order_id: UUID
    hold_id: UUID
    version: int | None = None


@command("orders.reject_order")
class RejectOrder(Command):
    """Do not accept a placed order."""

    order_id: UUID
    reason: Text


@command("orders.cancel_order")
class CancelOrder(Command):
    """Do not fulfil the order, placed or confirmed."""

    order_id: UUID
    reason: Text


@command("orders.refund_order")
class RefundOrder(Command):
    """Take things back and owe the customer what they cost. `refund_id` makes a repetition the same refund."""

    order_id: UUID
    refund_id: Text
    reason: Text
    lines: Annotated[tuple[Line, ...], Meta(max_length=2000)] = ()
    charges: Charges = ()


OrderCommand = PlaceOrder | UpdateOrder | ConfirmOrder | RejectOrder | CancelOrder | RefundOrder
