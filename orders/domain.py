"""The rules of ordering: decide what follows from a command, evolve by what happened. Pure, no Django."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from msgspec.structs import replace

from eventstore.errors import Refused
from eventstore.messages import Aggregate, Value
from orders.commands import CancelOrder, ConfirmOrder, OrderCommand, PlaceOrder, RefundOrder, RejectOrder, UpdateOrder
from orders.events import (
    Charge,
    Line,
    OrderCancelled,
    OrderConfirmed,
    OrderEvent,
    OrderPlaced,
    OrderRefunded,
    OrderRejected,
    OrderUpdated,
    total_of,
)

#: Thirty digits are what an Amount holds: no total may outgrow the event that carries it.
LARGEST_TOTAL = 10**30 - 1
#: What must be equal when an order is placed again under its id.
CONTENT = ("currency", "customer_ref", "external_id", "pay_from", "lines", "charges")

#: What was bought, whatever the row it stands in: ("line", sku, unit price) or ("charge", kind, amount).
Good = tuple[str, str, str]


class Status(StrEnum):
    NEW = "new"
    PLACED = "placed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Refund(Value):
    """What was given back at once."""

    refund_id: str
    lines: tuple[Line, ...] = ()
    charges: tuple[Charge, ...] = ()


class OrderState(Value):
    """Everything a decision may depend on, and nothing else."""

    version: int = 0
    status: Status = Status.NEW
    currency: str = ""
    customer_ref: str = ""
    external_id: str | None = None
    pay_from: UUID | None = None  # the ledger account in which money is held
    hold_id: UUID | None = None  # that secures a confirmed order
    lines: tuple[Line, ...] = ()
    charges: tuple[Charge, ...] = ()
    refunds: tuple[Refund, ...] = ()
    refunded: int = 0  # minor units

    @property
    def total(self) -> int:
        return total_of(self.lines, self.charges)

    @property
    def left(self) -> Counter[Good]:
        """What could still be given back."""
        left = goods(self.lines, self.charges)
        for refund in self.refunds:
            left -= goods(refund.lines, refund.charges)
        return left


def goods(lines: Iterable[Line], charges: Iterable[Charge] = ()) -> Counter[Good]:
    """How many of each thing, counted over all rows: the same article may stand in several."""
    counted: Counter[Good] = Counter()
    for line in lines:
        counted["line", line.sku, line.unit_price] += line.quantity
    for charge in charges:
        counted["charge", charge.kind, charge.amount] += 1
    return counted


def decide(order: OrderState, command: OrderCommand) -> list[OrderEvent]:
    """What follows from a command. An empty list means it was already so. Raises Refused."""
    match command:
        case PlaceOrder():
            return _place(order, command)
        case UpdateOrder():
            return _update(order, command)
        case ConfirmOrder():
            return _confirm(order, command)
        case RejectOrder():
            return _reject(order, command)
        case CancelOrder():
            return _cancel(order, command)
        case RefundOrder():
            return _refund(order, command)
        case _:
            assert_never(command)


def _place(order: OrderState, command: PlaceOrder) -> list[OrderEvent]:
    if order.status is not Status.NEW:
        if all(getattr(command, name) == getattr(order, name) for name in CONTENT):
            return []
        raise Refused(f"Order {command.order_id} exists with other contents; place a new one under another id.", code="order_exists")
    return [
        OrderPlaced(
            order_id=command.order_id,
            currency=command.currency,
            customer_ref=command.customer_ref,
            lines=command.lines,
            charges=command.charges,
            total=str(_total(command.lines, command.charges)),
            external_id=command.external_id,
            pay_from=command.pay_from,
        )
    ]


def _update(order: OrderState, command: UpdateOrder) -> list[OrderEvent]:
    _must_be(order, command.order_id, "updated", Status.PLACED)
    if order.refunds:
        raise Refused(f"Order {command.order_id} has refunds and cannot change any more.", code="order_not_editable")
    customer_ref = order.customer_ref if command.customer_ref is None else command.customer_ref
    lines = order.lines if command.lines is None else command.lines
    charges = order.charges if command.charges is None else command.charges
    if (customer_ref, lines, charges) == (order.customer_ref, order.lines, order.charges):
        return []
    total = str(_total(lines, charges))
    return [OrderUpdated(order_id=command.order_id, customer_ref=customer_ref, lines=lines, charges=charges, total=total)]


def _confirm(order: OrderState, command: ConfirmOrder) -> list[OrderEvent]:
    if order.status is Status.CONFIRMED and order.hold_id == command.hold_id:
        return []
    _must_be(order, command.order_id, "confirmed", Status.PLACED)
    if command.version not in (None, order.version):
        raise Refused(
            f"Order {command.order_id} is at version {order.version}; its money was held for version {command.version}.",
            code="order_changed",
        )
    return [OrderConfirmed(order_id=command.order_id, hold_id=command.hold_id)]


def _reject(order: OrderState, command: RejectOrder) -> list[OrderEvent]:
    if order.status is Status.REJECTED:
        return []
    _must_be(order, command.order_id, "rejected", Status.PLACED)
    if order.refunds:
        raise Refused(f"Order {command.order_id} has refunds; refund the rest instead of rejecting it.", code="order_not_rejectable")
    return [OrderRejected(order_id=command.order_id, reason=command.reason)]


def _cancel(order: OrderState, command: CancelOrder) -> list[OrderEvent]:
    if order.status is Status.CANCELLED:
        return []
    _must_be(order, command.order_id, "cancelled", Status.PLACED, Status.CONFIRMED)
    if order.refunds:
        raise Refused(f"Order {command.order_id} has refunds; refund the rest instead of cancelling it.", code="order_not_cancellable")
    return [OrderCancelled(order_id=command.order_id, reason=command.reason)]


def _refund(order: OrderState, command: RefundOrder) -> list[OrderEvent]:
    if any(refund.refund_id == command.refund_id for refund in order.refunds):
        return []
    _must_be(order, command.order_id, "refunded", Status.PLACED, Status.CONFIRMED)
    asked = goods(command.lines, command.charges)
    if not asked:
        raise Refused("A refund gives something back; name lines or charges.", code="empty_refund", status=422)
    left = order.left
    for kind, what, price in asked - left:
        raise Refused(
            f"Order {command.order_id} has {left[kind, what, price]} of {what} at {price} left to give back, "
            f"not {asked[kind, what, price]}.",
            code="refund_exceeds_order",
            refundable=str(order.total - order.refunded),
        )
    amount = total_of(command.lines, command.charges)
    return [
        OrderRefunded(
            order_id=command.order_id,
            refund_id=command.refund_id,
            lines=command.lines,
            charges=command.charges,
            amount=str(amount),
            refunded_total=str(order.refunded + amount),
            reason=command.reason,
        )
    ]


def _must_be(order: OrderState, order_id: UUID, wanted: str, *allowed: Status) -> None:
    if order.status is Status.NEW:
        raise Refused(f"There is no order {order_id}.", code="order_not_found", status=404)
    if order.status not in allowed:
        raise Refused(f"Order {order_id} is {order.status} and cannot be {wanted}.", code=f"order_{order.status}")


def _total(lines: tuple[Line, ...], charges: tuple[Charge, ...]) -> int:
    total = total_of(lines, charges)
    if total > LARGEST_TOTAL:
        raise Refused(f"The total has {len(str(total))} digits; 30 is the most an amount may have.", code="total_too_large", status=422)
    return total


def evolve(order: OrderState, event: OrderEvent) -> OrderState:
    """The order after an event. Never refuses: it has already happened."""
    return replace(_evolved(order, event), version=order.version + 1)


def _evolved(order: OrderState, event: OrderEvent) -> OrderState:
    match event:
        case OrderPlaced():
            return OrderState(
                status=Status.PLACED,
                currency=event.currency,
                customer_ref=event.customer_ref,
                external_id=event.external_id,
                pay_from=event.pay_from,
                lines=event.lines,
                charges=event.charges,
            )
        case OrderUpdated():
            return replace(order, customer_ref=event.customer_ref, lines=event.lines, charges=event.charges)
        case OrderConfirmed():
            return replace(order, status=Status.CONFIRMED, hold_id=event.hold_id)
        case OrderRejected():
            return replace(order, status=Status.REJECTED)
        case OrderCancelled():
            return replace(order, status=Status.CANCELLED)
        case OrderRefunded():
            refund = Refund(refund_id=event.refund_id, lines=event.lines, charges=event.charges)
            return replace(order, refunds=(*order.refunds, refund), refunded=int(event.refunded_total))
        case _:
            assert_never(event)


orders = Aggregate("order", OrderState(), evolve)
