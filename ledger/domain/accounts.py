"""One account: what it is, its four counters, and how an event changes them."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

from msgspec.structs import replace

from eventstore.messages import Aggregate, Value
from ledger.events import (
    AccountKind,
    AccountOpened,
    Entry,
    EntryHeld,
    EntryPosted,
    EntryReleased,
    HoldExpired,
    HoldPlaced,
    HoldPosted,
    HoldVoided,
    LedgerEvent,
    PostingMode,
    Side,
    TransactionPosted,
    TransactionReversed,
)


class AccountState(Value):
    """An account as its own stream tells it. A deferred account counts nothing here: its balance is the sum of its entries."""

    account_id: UUID = UUID(int=0)
    code: str = ""
    currency: str = ""
    exponent: int = 0
    kind: AccountKind = "asset"
    normal_side: Side = "D"
    contra: bool = False
    credit_limit: int | None = None  # minor units; None: no floor
    posting_mode: PostingMode = "locked"
    owner_ref: str | None = None
    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0
    recorded_at: datetime | None = None  # of the newest entry or hold
    version: int = 0

    @property
    def is_locked(self) -> bool:
        """Whether its row is locked and counts; otherwise entries are only inserted, and nobody waits for anybody."""
        return self.posting_mode == "locked"

    @property
    def posted(self) -> int:
        """The balance, positive on the normal side."""
        return self._on_normal_side(self.debits_posted, self.credits_posted)

    @property
    def pending_out(self) -> int:
        return self.debits_pending if self.normal_side == "C" else self.credits_pending

    @property
    def pending_in(self) -> int:
        return self.credits_pending if self.normal_side == "C" else self.debits_pending

    @property
    def available(self) -> int | None:
        """What may still go out; None when there is no floor."""
        return None if self.credit_limit is None else self.posted - self.pending_out + self.credit_limit

    def moved(self, side: Side, amount: int) -> "AccountState":
        """The account with one more entry, its version left as it is."""
        if side == "D":
            return replace(self, debits_posted=self.debits_posted + amount)
        return replace(self, credits_posted=self.credits_posted + amount)

    def held(self, side: Side, amount: int) -> "AccountState":
        """The account with so much more pending on one side, its version left as it is; less when the amount is negative."""
        if side == "D":
            return replace(self, debits_pending=self.debits_pending + amount)
        return replace(self, credits_pending=self.credits_pending + amount)

    def _on_normal_side(self, debits: int, credits: int) -> int:
        return debits - credits if self.normal_side == "D" else credits - debits


def evolve_account(account: AccountState, event: LedgerEvent) -> AccountState:
    """The account after an event of its stream. Never refuses: it has already happened."""
    match event:
        case AccountOpened():
            return AccountState(
                account_id=event.account_id,
                code=event.code,
                currency=event.currency,
                exponent=event.exponent,
                kind=event.kind,
                normal_side=event.normal_side,
                contra=event.contra,
                credit_limit=None if event.credit_limit is None else int(event.credit_limit),
                posting_mode=event.posting_mode,
                owner_ref=event.owner_ref,
                version=1,
            )
        case TransactionPosted() | EntryPosted():
            own = entry_of(account.account_id, event.told)
            if own is None or own.account_version is None:
                return account
            moved = account.moved(own.side, int(own.amount)).held(own.side, -int(event.unheld or 0))
            return replace(moved, version=own.account_version, recorded_at=event.recorded_at)
        case EntryHeld() | EntryReleased():
            amount = int(event.entry.amount) if isinstance(event, EntryHeld) else -int(event.entry.amount)
            version = event.entry.account_version or account.version
            return replace(account.held(event.entry.side, amount), version=version, recorded_at=event.recorded_at)
        case HoldPlaced() | HoldPosted() | HoldVoided() | HoldExpired() | TransactionReversed():
            return account  # told to its accounts by EntryHeld, EntryReleased and the transaction
        case _:
            assert_never(event)


def entry_of(account_id: UUID, entries: tuple[Entry, ...]) -> Entry | None:
    """The entry of an account; a transaction touches an account once."""
    return next((entry for entry in entries if entry.account_id == account_id), None)


accounts = Aggregate("account", AccountState(), evolve_account)
