"""How what happened in the ledger is undone: by which command, or why not. Pure, no Django."""

from uuid import UUID, uuid5

from eventstore.messages import Envelope, irreversible, reverses
from ledger.commands import ReverseTransaction, VoidHold
from ledger.events import (
    AccountOpened,
    EntryHeld,
    EntryPosted,
    EntryReleased,
    HoldExpired,
    HoldPlaced,
    HoldPosted,
    HoldVoided,
    TransactionPosted,
    TransactionReversed,
)


@reverses(TransactionPosted)
def post_the_opposite(event: TransactionPosted, envelope: Envelope, reason: str) -> ReverseTransaction:
    """What is left of it; however often it is asked for, it is one reversal."""
    return _reverse(event.transaction_id, reason)


@reverses(HoldPosted)
def post_it_back(event: HoldPosted, envelope: Envelope, reason: str) -> ReverseTransaction:
    """The transaction that posted the hold is taken back; what was released stays free."""
    return _reverse(event.transaction_id, reason)


@reverses(HoldPlaced, blocked_by=(HoldPosted,))
def release(event: HoldPlaced, envelope: Envelope, reason: str) -> VoidHold:
    """Held money is released, not reversed: it has not moved."""
    return VoidHold(hold_id=event.hold_id, reason=reason[:200])


def _reverse(transaction_id: UUID, reason: str) -> ReverseTransaction:
    return ReverseTransaction(
        transaction_id=transaction_id,
        reason_code="operator_error",
        reason=reason[:200],
        reversal_id=uuid5(transaction_id, "reversal"),
    )


irreversible(
    AccountOpened, because="No command closes an account; one that nobody uses holds nothing and is in nobody's way.", in_the_way=False
)
irreversible(
    EntryPosted, because="It is one account's side of a transaction; reverse the ledger.transaction_posted of the same transaction."
)
irreversible(EntryHeld, because="It is one account's side of a hold; reverse the ledger.hold_placed of the same hold.")
irreversible(EntryReleased, HoldVoided, HoldExpired, because="The money is free and may be spent already; place a new hold.")
irreversible(TransactionReversed, because="A reversal is not reversed; post the transaction again as a new one.")
