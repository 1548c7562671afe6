"""What happens in the ledger. A name, once recorded, never changes."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from eventstore.messages import Event, Moment, Value, event

Side = Literal["D", "C"]
Scope = Literal["full", "partial"]
Effective = Literal["now", "original"]
ReversalCode = Literal["operator_error", "duplicate", "customer_refund", "provider_correction", "replay_repair"]
AccountKind = Literal["asset", "liability", "income", "expense", "equity"]
PostingMode = Literal["locked", "deferred"]
TransactionKind = Literal[
    "credit", "withdrawal", "transfer", "sale", "refund", "fee", "settlement", "adjustment", "opening", "fx", "reversal"
]

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217 code.")]
#: Minor units as decimal strings ("1999" is 19.99): exact in every language that reads the event.
Amount = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,29}\Z", description="Minor units as a decimal string: 1999 is 19.99.")]
Limit = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,29})\Z", description="How far below zero, in minor units: 0 is not at all.")]
Balance = Annotated[str, Meta(pattern=r"^(0|-?[1-9][0-9]{0,37})\Z", description="Minor units as a decimal string, negative when owed.")]


Purpose = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z", description="What money is held for, such as order_payment.")]


class Entry(Value):
    """One debit or credit of an account. A deferred account has no version and no running balance."""

    account_id: UUID
    account_code: str
    side: Side
    amount: Amount
    currency: Currency
    account_version: int | None = None
    balance_after: Balance | None = None


@event("ledger.account_opened")
class AccountOpened(Event):
    """Money in one currency can be kept here. `credit_limit` null means no floor, 0 that it never goes below zero."""

    account_id: UUID
    code: str
    currency: Currency
    exponent: Annotated[int, Meta(ge=0, le=9)]
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
    When it posts a hold, `unheld` is what is no longer pending: the whole of the hold, however much of it was posted.
    """

    transaction_id: UUID
    external_id: str
    kind: TransactionKind
    effective_at: Moment
    recorded_at: Moment
    entries: tuple[Entry, ...]
    description: str | None = None
    reverses_id: UUID | None = None
    hold_id: UUID | None = None
    unheld: Amount | None = None

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
                unheld=self.unheld,
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
    effective_at: Moment
    recorded_at: Moment
    entry: Entry
    description: str | None = None
    unheld: Amount | None = None

    @property
    def home(self) -> Entry:
        """This event is in the stream of its entry's account, at that entry's version."""
        return self.entry

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entry this event speaks for."""
        return (self.entry,)


@event("ledger.transaction_reversed")
class TransactionReversed(Event):
    """A transaction was taken back, wholly or in part, by another one with its sides swapped. In the stream transaction-<reverses_id>.

    `scope` is full when this one reversal takes back everything; `remaining` is what is left after all of them.
    """

    reversal_id: UUID
    reverses_id: UUID
    scope: Scope
    amount_by_currency: dict[str, Amount]
    cumulative: dict[str, Amount]
    remaining: dict[str, Limit]
    reason_code: ReversalCode
    reason: str
    effective: Effective
    recorded_at: Moment


@event("ledger.entry_held")
class EntryHeld(Event):
    """This account's side of a hold: pending, and no longer available where it goes out. Its balance stays as it is."""

    hold_id: UUID
    external_id: str
    purpose: Purpose
    expires_at: Moment | None
    recorded_at: Moment
    entry: Entry

    @property
    def home(self) -> Entry:
        """This event is in the stream of its entry's account, at that entry's version."""
        return self.entry

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entry this event speaks for."""
        return (self.entry,)


@event("ledger.entry_released")
class EntryReleased(Event):
    """This account's side of a hold that was voided or has expired: no longer pending."""

    hold_id: UUID
    external_id: str
    recorded_at: Moment
    entry: Entry

    @property
    def home(self) -> Entry:
        """This event is in the stream of its entry's account, at that entry's version."""
        return self.entry

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entry this event speaks for."""
        return (self.entry,)


@event("ledger.hold_placed", money=("amount", "currency"))
class HoldPlaced(Event):
    """Money is kept ready to move from one account to another. First of the stream hold-<hold_id>; every locked account hears of
    its side by EntryHeld, in its own stream. Until it is posted, voided or expired the amount is pending in both accounts."""

    hold_id: UUID
    external_id: str
    purpose: Purpose
    debit_account_id: UUID
    credit_account_id: UUID
    amount: Amount
    currency: Currency
    expires_at: Moment | None
    recorded_at: Moment
    entries: tuple[Entry, ...]

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entries this event speaks for: those of deferred accounts."""
        return _deferred(self.entries)

    @property
    def echoes(self) -> tuple[EntryHeld, ...]:
        """What the locked accounts are told."""
        return tuple(
            EntryHeld(
                hold_id=self.hold_id,
                external_id=self.external_id,
                purpose=self.purpose,
                expires_at=self.expires_at,
                recorded_at=self.recorded_at,
                entry=entry,
            )
            for entry in _locked(self.entries)
        )


@event("ledger.hold_posted", money=("posted_amount", "currency"))
class HoldPosted(Event):
    """The held money has moved, all of it or a part, and the rest is free again. The accounts hear of it by the transaction."""

    hold_id: UUID
    external_id: str
    transaction_id: UUID
    posted_amount: Amount
    released_amount: Limit
    currency: Currency
    recorded_at: Moment


@event("ledger.hold_voided", money=("released_amount", "currency"))
class HoldVoided(Event):
    """The held money was released. Every locked account hears of its side by EntryReleased, in its own stream."""

    hold_id: UUID
    external_id: str
    released_amount: Amount
    currency: Currency
    reason: str
    recorded_at: Moment
    entries: tuple[Entry, ...]

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entries this event speaks for: those of deferred accounts."""
        return _deferred(self.entries)

    @property
    def echoes(self) -> tuple[EntryReleased, ...]:
        """What the locked accounts are told."""
        return _releases(self)


@event("ledger.hold_expired", money=("released_amount", "currency"))
class HoldExpired(Event):
    """Nobody posted the held money in time: it was released. The locked accounts hear of it as of a hold that was voided."""

    hold_id: UUID
    external_id: str
    released_amount: Amount
    currency: Currency
    recorded_at: Moment
    entries: tuple[Entry, ...]

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entries this event speaks for: those of deferred accounts."""
        return _deferred(self.entries)

    @property
    def echoes(self) -> tuple[EntryReleased, ...]:
        """What the locked accounts are told."""
        return _releases(self)


def _deferred(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.account_version is None)


def _locked(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.account_version is not None)


def _releases(ended: HoldVoided | HoldExpired) -> tuple[EntryReleased, ...]:
    return tuple(
        EntryReleased(hold_id=ended.hold_id, external_id=ended.external_id, recorded_at=ended.recorded_at, entry=entry)
        for entry in _locked(ended.entries)
    )


Ended = HoldPosted | HoldVoided | HoldExpired
HoldEvent = HoldPlaced | Ended
LedgerEvent = AccountOpened | TransactionPosted | EntryPosted | TransactionReversed | EntryHeld | EntryReleased | HoldEvent
