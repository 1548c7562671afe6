"""How what happened to orders is undone: by which command, or why not. Pure, no Django."""

from eventstore.messages import Envelope, Event, irreversible, reverses
from ledger.events import EntryHeld, EntryReleased, HoldExpired, HoldPlaced, HoldVoided
from orders.commands import CancelOrder, UpdateOrder
from orders.domain import OrderState
from orders.events import OrderCancelled, OrderConfirmed, OrderPlaced, OrderRefunded, OrderRejected, OrderUpdated

#: The order process lets go of these when its order is cancelled, and asks anew when it is changed. Money that has moved is not among
#: them: its event is reversed first. (Approvals by name: their package is not as pure as this module.)
BY_THE_PROCESS: tuple[type[Event] | str, ...] = (
    HoldPlaced,
    EntryHeld,
    HoldVoided,
    EntryReleased,
    HoldExpired,
    OrderConfirmed,
    "approvals.requested",
    "approvals.granted_in_part",
    "approvals.granted",
    "approvals.withdrawn",
)


@reverses(OrderPlaced, blocked_by=(OrderRefunded,), undoes=BY_THE_PROCESS)
def cancel(event: OrderPlaced, envelope: Envelope, reason: str) -> CancelOrder:
    """Updates go with it: an order that nobody fulfils may have been for anything."""
    return CancelOrder(order_id=event.order_id, reason=reason[:200])


@reverses(OrderUpdated, state_before=True, blocked_by=(OrderUpdated, OrderRefunded), undoes=BY_THE_PROCESS)
def update_back(event: OrderUpdated, envelope: Envelope, reason: str, before: OrderState) -> UpdateOrder:
    """The former values, all of them, as the event carries all of them."""
    return UpdateOrder(order_id=event.order_id, customer_ref=before.customer_ref, lines=before.lines, charges=before.charges)


@reverses(OrderConfirmed, blocked_by=(OrderRefunded,), undoes=BY_THE_PROCESS)
def withdraw(event: OrderConfirmed, envelope: Envelope, reason: str) -> CancelOrder:
    """Who was promised the goods is told that they do not come; whoever holds the money releases it."""
    return CancelOrder(order_id=event.order_id, reason=reason[:200])


irreversible(OrderRejected, because="Whoever ordered was told; place a new order.")
irreversible(OrderCancelled, because="Whoever waited for the goods or the money was told; place a new order.")
irreversible(OrderRefunded, because="The customer was given the money; ask for it by a new order.")
