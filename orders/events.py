"""What happens to orders. A name, once recorded, never changes."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from eventstore.messages import Event, Value, event

#: Minor units as a decimal string ("1999" is 19.99): exact in every language that reads the event.
Amount = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,29})\Z", description="Minor units as a decimal string: 1999 is 19.99.")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217 code.")]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class Line(Value):
    """So many of one article at one price."""

    sku: Annotated[str, Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit_price: Amount

    @property
    def amount(self) -> int:
        return self.quantity * int(self.unit_price)


class Charge(Value):
    """What is paid on top of the articles, such as postage."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    amount: Amount


def total_of(lines: tuple[Line, ...], charges: tuple[Charge, ...] = ()) -> int:
    """What lines and charges come to, in minor units."""
    return sum(line.amount for line in lines) + sum(int(charge.amount) for charge in charges)


@event("orders.order_placed", money=("total", "currency"))
class OrderPlaced(Event):
    """A customer committed to buy these lines at these prices."""

    order_id: UUID
    currency: Currency
    customer_ref: str
    lines: tuple[Line, ...]
    total: Amount
    charges: tuple[Charge, ...] = ()
    external_id: str | None = None
    pay_from: UUID | None = None  #: the ledger account in which money is held for it


@event("orders.order_updated")
class OrderUpdated(Event):
    """The order is now for these lines. Carries everything that may change, not only what did."""

    order_id: UUID
    customer_ref: str
    lines: tuple[Line, ...]
    total: Amount
    charges: tuple[Charge, ...] = ()


@event("orders.order_confirmed")
class OrderConfirmed(Event):
    """The order will be fulfilled: this hold secures its money."""

    order_id: UUID
    hold_id: UUID


@event("orders.order_rejected")
class OrderRejected(Event):
    """The order is not accepted, and ends here."""

    order_id: UUID
    reason: str


@event("orders.order_cancelled")
class OrderCancelled(Event):
    """The order will not be fulfilled."""

    order_id: UUID
    reason: str


@event("orders.order_refunded")
class OrderRefunded(Event):
    """The customer gave this back and is owed what it cost."""

    order_id: UUID
    refund_id: str
    amount: Amount
    refunded_total: Amount
    reason: str
    lines: tuple[Line, ...] = ()
    charges: tuple[Charge, ...] = ()


OrderEvent = OrderPlaced | OrderUpdated | OrderConfirmed | OrderRejected | OrderCancelled | OrderRefunded
