"""The order process: a large order is looked at, its money is held, then it is confirmed; or it is given up and the money released.

One rule keeps money and orders together: money is released only after the order itself says that it is over.
"""

from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid5

from msgspec.structs import replace

from eventstore.approvals import (
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalWithdrawn,
    RequestApproval,
    WithdrawApproval,
    is_person,
)
from eventstore.messages import Command, Envelope, Value
from eventstore.sagas import CommandRefused, CompensationRequested, DeadlinePassed, Saga, Step
from ledger.commands import PlaceHold, VoidHold
from ledger.events import HoldExpired, HoldPlaced, HoldVoided
from orders.commands import CancelOrder, ConfirmOrder, RejectOrder
from orders.domain import orders
from orders.events import OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected, OrderUpdated

#: Totals in minor units from which a second person looks at an order, by currency.
LARGE = {"EUR": 500_000, "GBP": 500_000, "USD": 500_000, "JPY": 1_000_000}
OF_OTHERS = 500_000
DECIDE_WITHIN = timedelta(hours=48)  #: for the person who approves
CONFIRM_WITHIN = timedelta(minutes=15)  #: from the moment money is asked for
OVER = "The order has changed or is over."

Phase = Literal["", "approving", "holding", "confirming", "no money", "confirmed"]
Approval = ApprovalGranted | ApprovalRefused | ApprovalExpired | ApprovalWithdrawn


class Fulfilment(Value):
    """What the process remembers of its order."""

    order_id: UUID = UUID(int=0)
    currency: str = ""
    total: str = "0"
    pay_from: UUID = UUID(int=0)
    placed_by: str = ""  #: or, later, the person who changed it last: nobody approves what they made of it
    version: int = 0  #: of the order, for which all this is asked
    attempt: int = 0  #: a change of the order begins another, with an approval and a hold of its own
    phase: Phase = ""
    why: str = ""  #: why it is given up, once it is

    @property
    def approval_id(self) -> UUID:
        return uuid5(self.order_id, f"approval/{self.attempt}")

    @property
    def hold_id(self) -> UUID:
        return uuid5(self.order_id, f"hold/{self.attempt}")

    @property
    def is_large(self) -> bool:
        return int(self.total) >= LARGE.get(self.currency, OF_OTHERS)


def of_order(event: OrderPlaced, envelope: Envelope) -> str | None:
    """Only an order that is paid from an account has a process."""
    return str(event.order_id) if event.pay_from else None


def of_approval(event: Approval, envelope: Envelope) -> str | None:
    return event.subject.removeprefix("order-") if event.subject.startswith("order-") else None


def of_hold(event: HoldPlaced | HoldVoided | HoldExpired, envelope: Envelope) -> str | None:
    kind, _, rest = event.external_id.partition(":")
    return rest.partition(":")[0] if kind == "order" else None


fulfilment = Saga("orders.fulfilment", state=Fulfilment, key=lambda event, envelope: str(event.order_id))


@fulfilment.starts_on(OrderPlaced, key=of_order)
def begin(state: Fulfilment, event: OrderPlaced, envelope: Envelope) -> Step:
    begun = Fulfilment(
        order_id=event.order_id,
        currency=event.currency,
        total=event.total,
        pay_from=event.pay_from or UUID(int=0),
        placed_by=envelope.actor,
        version=envelope.version,
    )
    return _attempt(begun)


@fulfilment.on(OrderUpdated)
def begin_anew(state: Fulfilment, event: OrderUpdated, envelope: Envelope) -> Step | None:
    """It is another order than the one that was approved, or that money was held for."""
    if state.why:
        return None
    by = envelope.actor if is_person(envelope.actor) else state.placed_by
    return _attempt(replace(state, total=event.total, version=envelope.version, placed_by=by), before=_undo(state))


@fulfilment.on(ApprovalGranted, key=of_approval)
def hold_its_money(state: Fulfilment, event: ApprovalGranted, envelope: Envelope) -> Step | None:
    return _hold(state) if _is_awaited(state, event) else None


@fulfilment.on(ApprovalRefused, ApprovalExpired, key=of_approval)
def not_approved(state: Fulfilment, event: ApprovalRefused | ApprovalExpired, envelope: Envelope) -> Step | None:
    word = "refused" if isinstance(event, ApprovalRefused) else "not given in time"
    return _give_up(state, f"The approval was {word}.") if _is_awaited(state, event) else None


@fulfilment.on(ApprovalWithdrawn, key=of_approval)
def ask_again(state: Fulfilment, event: ApprovalWithdrawn, envelope: Envelope) -> Step | None:
    """If the order has changed, this is refused, and the change is on its way here."""
    return _attempt(state) if _is_awaited(state, event) else None


@fulfilment.on(HoldPlaced, key=of_hold)
def confirm(state: Fulfilment, event: HoldPlaced, envelope: Envelope) -> Step | None:
    if event.hold_id != state.hold_id or state.phase != "holding" or state.why:
        return None  # an earlier attempt's, whose release is sent already; or it is given up, and released when the order is over
    order = ConfirmOrder(order_id=state.order_id, hold_id=state.hold_id, version=state.version)
    return Step(state=replace(state, phase="confirming"), commands=(order,))


@fulfilment.on(HoldVoided, HoldExpired, key=of_hold)
def money_is_gone(state: Fulfilment, event: HoldVoided | HoldExpired, envelope: Envelope) -> Step | None:
    if event.hold_id != state.hold_id or state.phase not in ("holding", "confirming") or state.why:
        return None
    return _give_up(state, "The money that was held for it was released.")


@fulfilment.on_refused(PlaceHold)
def no_money(state: Fulfilment, event: CommandRefused, envelope: Envelope) -> Step | None:
    if event.data["hold_id"] != str(state.hold_id) or state.why:
        return None
    return _give_up(replace(state, phase="no money"), f"No money could be held: {event.detail}")


@fulfilment.on_refused(RequestApproval, WithdrawApproval, VoidHold, ConfirmOrder, RejectOrder, CancelOrder)
def wait_and_see(state: Fulfilment, event: CommandRefused, envelope: Envelope) -> None:
    """The order has changed or is over, or there was no hold: an event says which, and the next step follows from that."""


@fulfilment.on_deadline("confirmed")
def stop_waiting(state: Fulfilment, event: DeadlinePassed, envelope: Envelope) -> Step:
    """That does not mean that anything failed: an order that was confirmed after all refuses to be rejected."""
    return _give_up(state, "It could not be confirmed in time.")


@fulfilment.on(OrderConfirmed)
def done(state: Fulfilment, event: OrderConfirmed, envelope: Envelope) -> Step:
    if event.hold_id != state.hold_id:  # somebody secured it in another way
        return Step(state=state, commands=_undo(state), finished="confirmed")
    return Step(state=replace(state, phase="confirmed"), finished="confirmed")


@fulfilment.on(OrderCancelled, OrderRejected)
def release(state: Fulfilment, event: OrderCancelled | OrderRejected, envelope: Envelope) -> Step:
    return Step(state=state, commands=_undo(state), finished="cancelled" if isinstance(event, OrderCancelled) else "rejected")


@fulfilment.on_compensate
def cancel(state: Fulfilment, event: CompensationRequested, envelope: Envelope) -> Step:
    order = CancelOrder(order_id=state.order_id, reason=event.reason[:200])
    return Step(state=replace(state, why=event.reason), commands=(order,), compensating=True)


@fulfilment.late(OrderCancelled)
def release_after_all(state: Fulfilment, event: OrderCancelled, envelope: Envelope) -> Step | None:
    """A confirmed order was cancelled: its money is still held."""
    return Step(state=state, commands=_undo(state)) if state.phase == "confirmed" else None


@fulfilment.late(HoldPlaced)
def release_what_came_late(state: Fulfilment, event: HoldPlaced, envelope: Envelope) -> Step | None:
    if state.phase == "confirmed" and event.hold_id == state.hold_id:
        return None
    return Step(state=state, commands=(VoidHold(hold_id=event.hold_id, reason="The order is over."),))


fulfilment.ignores_late(OrderPlaced, OrderUpdated, OrderConfirmed, OrderRejected)
fulfilment.ignores_late(ApprovalGranted, ApprovalRefused, ApprovalExpired, ApprovalWithdrawn, HoldVoided, HoldExpired)


def _attempt(state: Fulfilment, before: tuple[Command, ...] = ()) -> Step:
    """Ask for what the order needs first, after taking back what an earlier version of it was given."""
    state = replace(state, attempt=state.attempt + 1)
    if not state.is_large:
        return _hold(state, before)
    ask = RequestApproval(
        approval_id=state.approval_id,
        subject=orders.stream(state.order_id),
        subject_version=state.version,
        reasons=("large_order",),
        due_in=DECIDE_WITHIN.total_seconds(),
        facts={"total": f"{state.total} {state.currency}", "pay_from": str(state.pay_from)},
        requested_by=state.placed_by,
    )
    waits = {"confirmed": DECIDE_WITHIN + CONFIRM_WITHIN}
    return Step(state=replace(state, phase="approving"), commands=(*before, ask), deadlines=waits)


def _hold(state: Fulfilment, before: tuple[Command, ...] = ()) -> Step:
    place = PlaceHold(
        hold_id=state.hold_id,
        debit_account=str(state.pay_from),
        credit_account=f"unearned:{state.currency}",
        amount=state.total,
        currency=state.currency,
        external_id=f"order:{state.order_id}:{state.attempt}",
        purpose="order_payment",
    )
    return Step(state=replace(state, phase="holding"), commands=(*before, place), deadlines={"confirmed": CONFIRM_WITHIN})


def _give_up(state: Fulfilment, why: str) -> Step:
    """Only tell the order: what is held is released when the order says that it is over."""
    reject = RejectOrder(order_id=state.order_id, reason=why[:200])
    return Step(state=replace(state, why=why), commands=(reject,), cancel=("confirmed",), compensating=True)


def _undo(state: Fulfilment) -> tuple[Command, ...]:
    """Take back what this attempt asked for; nothing that somebody else did."""
    match state.phase:
        case "approving":
            return (WithdrawApproval(approval_id=state.approval_id, reason=OVER),)
        case "holding" | "confirming" | "confirmed":
            return (VoidHold(hold_id=state.hold_id, reason=OVER),)
    return ()


def _is_awaited(state: Fulfilment, event: Approval) -> bool:
    return state.phase == "approving" and event.approval_id == state.approval_id and not state.why
