"""One hold: what it keeps ready between two accounts, and how it ended."""

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from msgspec.structs import replace

from eventstore.messages import Aggregate, Value
from ledger.events import HoldEvent, HoldExpired, HoldPlaced, HoldPosted, HoldVoided

State = Literal["pending", "posted", "voided", "expired"]


class HoldState(Value):
    """A hold as its own stream tells it."""

    hold_id: UUID = UUID(int=0)
    external_id: str = ""
    purpose: str = ""
    debit_account_id: UUID = UUID(int=0)
    credit_account_id: UUID = UUID(int=0)
    amount: int = 0
    currency: str = ""
    placed_at: datetime | None = None
    expires_at: datetime | None = None
    state: State = "pending"
    ended_at: datetime | None = None
    transaction_id: UUID | None = None  # that posted it
    posted_amount: int = 0
    released_amount: int = 0
    reason: str | None = None
    version: int = 0

    def is_over(self, at: datetime) -> bool:
        """Whether its time had passed by then, whoever noticed."""
        return self.expires_at is not None and at >= self.expires_at


def evolve_hold(hold: HoldState, event: HoldEvent) -> HoldState:
    """The hold after an event of its stream. Never refuses: it has already happened."""
    match event:
        case HoldPlaced():
            return HoldState(
                hold_id=event.hold_id,
                external_id=event.external_id,
                purpose=event.purpose,
                debit_account_id=event.debit_account_id,
                credit_account_id=event.credit_account_id,
                amount=int(event.amount),
                currency=event.currency,
                placed_at=event.recorded_at,
                expires_at=event.expires_at,
                version=1,
            )
        case HoldPosted():
            return replace(
                hold,
                state="posted",
                ended_at=event.recorded_at,
                transaction_id=event.transaction_id,
                posted_amount=int(event.posted_amount),
                released_amount=int(event.released_amount),
                version=hold.version + 1,
            )
        case HoldVoided():
            return replace(_released(hold, event), state="voided", reason=event.reason)
        case HoldExpired():
            return replace(_released(hold, event), state="expired")
        case _:
            assert_never(event)


def _released(hold: HoldState, event: HoldVoided | HoldExpired) -> HoldState:
    return replace(hold, ended_at=event.recorded_at, released_amount=int(event.released_amount), version=hold.version + 1)


holds = Aggregate("hold", HoldState(), evolve_hold)
