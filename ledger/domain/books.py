"""The books: the accounts and holds that a decision depends on, what was recorded before, and the moment."""

from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID

from msgspec import field
from msgspec.structs import replace

from eventstore.messages import Value
from ledger.domain.accounts import AccountState, evolve_account
from ledger.domain.holds import HoldState, evolve_hold
from ledger.events import (
    AccountOpened,
    EntryHeld,
    EntryPosted,
    EntryReleased,
    HoldExpired,
    HoldPlaced,
    HoldPosted,
    HoldVoided,
    LedgerEvent,
    TransactionPosted,
    TransactionReversed,
)


class Books(Value):
    """Everything a decision may depend on, and nothing else."""

    at: datetime = datetime.min.replace(tzinfo=UTC)  #: when it will be recorded: later than any entry of these accounts
    accounts: dict[UUID, AccountState] = field(default_factory=dict)
    transactions: tuple[TransactionPosted, ...] = ()  #: that have the external id or the id of a new one, or are reversed by it
    holds: tuple[HoldState, ...] = ()  #: that have the external id or the id of a new one, or that end

    def find(self, reference: UUID | str) -> AccountState | None:
        """The account with this id or code."""
        if isinstance(reference, UUID):
            return self.accounts.get(reference)
        return next((account for account in self.accounts.values() if account.code == reference), None)

    def recorded_as(self, external_id: str, transaction_id: UUID) -> TransactionPosted | None:
        """The transaction that has this external id or, failing that, this id."""
        same = [posted for posted in self.transactions if posted.external_id == external_id]
        same += [posted for posted in self.transactions if posted.transaction_id == transaction_id]
        return same[0] if same else None

    def transaction(self, transaction_id: UUID) -> TransactionPosted | None:
        """The transaction with this id."""
        return next((posted for posted in self.transactions if posted.transaction_id == transaction_id), None)

    def held_as(self, external_id: str, hold_id: UUID) -> HoldState | None:
        """The hold that has this external id or, failing that, this id."""
        same = [hold for hold in self.holds if hold.external_id == external_id]
        return same[0] if same else self.hold(hold_id)

    def hold(self, hold_id: UUID) -> HoldState | None:
        """The hold with this id."""
        return next((hold for hold in self.holds if hold.hold_id == hold_id), None)


def evolve(books: Books, event: LedgerEvent) -> Books:
    """The books after an event. Never refuses: it has already happened."""
    match event:
        case AccountOpened():
            return _touched(books, event, event.account_id)
        case TransactionPosted():
            return replace(_touched(books, event, *(entry.account_id for entry in event.told)), transactions=(*books.transactions, event))
        case EntryPosted() | EntryHeld() | EntryReleased():
            return _touched(books, event, event.entry.account_id)
        case HoldPlaced() | HoldPosted() | HoldVoided() | HoldExpired():
            others = tuple(hold for hold in books.holds if hold.hold_id != event.hold_id)
            return replace(books, holds=(*others, evolve_hold(books.hold(event.hold_id) or HoldState(), event)))
        case TransactionReversed():
            return books
        case _:
            assert_never(event)


def _touched(books: Books, event: LedgerEvent, *account_ids: UUID) -> Books:
    changed = {account_id: evolve_account(books.accounts.get(account_id, AccountState()), event) for account_id in account_ids}
    return replace(books, accounts=books.accounts | changed)
