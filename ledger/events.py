"""What happens in the ledger. A name, once recorded, never changes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from eventstore.messages import Event, Value, event

Side = Literal["D", "C"]
AccountKind = Literal["asset", "liability", "income", "expense", "equity"]
PostingMode = Literal["locked", "deferred"]
TransactionKind = Literal[
    "credit", "withdrawal", "transfer", "sale", "refund", "fee", "settlement", "adjustment", "opening", "fx", "reversal"
]

#: Minor units as decimal strings ("1999" is 19.99): exact in every language that reads the event.
Amount = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,29}\Z", description="Minor units as a decimal string: 1999 is 19.99.")]
Limit = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,29})\Z", description="How far below zero, in minor units: 0 is not at all.")]
Balance = Annotated[str, Meta(pattern=r"^(0|-?[1-9][0-9]{0,37})\Z", description="Minor units as a decimal string, negative when owed.")]


class Entry(Value):
    """One debit or credit of an account. A deferred account has no version and no running balance."""

    account_id: UUID
    account_code: str
    side: Side
    amount: Amount
    currency: str
    account_version: int | None = None
    balance_after: Balance | None = None


@event("ledger.account_opened")
class AccountOpened(Event):
    """Money in one currency can be kept here. `credit_limit` null means no floor, 0 that it never goes below zero."""

    account_id: UUID
    code: str
    currency: str
    exponent: int
    kind: AccountKind
    normal_side: Side
    contra: bool
    credit_limit: Limit | None
    posting_mode: PostingMode
    owner_ref: str | None = None


@event("ledger.transaction_posted")
class TransactionPosted(Event):
    """Money moved: the entries sum to zero. Recorded once, in the stream of its home account.

    `recorded_at` is the ledger's own time, taken after the accounts were locked: it rises with an account's versions.
    """

    transaction_id: UUID
    external_id: str
    kind: TransactionKind
    effective_at: datetime
    recorded_at: datetime
    entries: tuple[Entry, ...]
    description: str | None = None

    @property
    def home(self) -> Entry | None:
        """The first entry of a locked account: this event is in that account's stream, at that entry's version."""
        return next((entry for entry in self.entries if entry.account_version is not None), None)

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entries this event speaks for. Every further locked account hears of its own by EntryPosted, in its own stream."""
        return tuple(entry for entry in self.entries if entry is self.home or entry.account_version is None)

    @property
    def echoes(self) -> tuple["EntryPosted", ...]:
        """What the further locked accounts are told."""
        return tuple(
            EntryPosted(
                transaction_id=self.transaction_id,
                external_id=self.external_id,
                kind=self.kind,
                effective_at=self.effective_at,
                recorded_at=self.recorded_at,
                entry=entry,
                description=self.description,
            )
            for entry in self.entries
            if entry not in self.told
        )


@event("ledger.entry_posted")
class EntryPosted(Event):
    """This account's entry of a transaction that is recorded in another account's stream."""

    transaction_id: UUID
    external_id: str
    kind: TransactionKind
    effective_at: datetime
    recorded_at: datetime
    entry: Entry
    description: str | None = None

    @property
    def home(self) -> Entry:
        """This event is in the stream of its entry's account, at that entry's version."""
        return self.entry

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entry this event speaks for."""
        return (self.entry,)


LedgerEvent = AccountOpened | TransactionPosted | EntryPosted
