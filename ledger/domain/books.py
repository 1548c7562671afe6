"""The books: the accounts that a decision depends on, what was recorded before, and the moment."""

from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID

from msgspec import field

from eventstore.messages import Value
from ledger.domain.accounts import AccountState, evolve_account
from ledger.events import AccountOpened, EntryPosted, LedgerEvent, TransactionPosted


class Books(Value):
    """Everything a decision may depend on, and nothing else."""

    at: datetime = datetime.min.replace(tzinfo=UTC)  #: when it will be recorded: later than any entry of these accounts
    accounts: dict[UUID, AccountState] = field(default_factory=dict)
    transactions: tuple[TransactionPosted, ...] = ()  #: that have the external id or the id of a new one

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


def evolve(books: Books, event: LedgerEvent) -> Books:
    """The books after an event. Never refuses: it has already happened."""
    match event:
        case AccountOpened():
            touched, transactions = [event.account_id], books.transactions
        case TransactionPosted():
            touched = [entry.account_id for entry in event.told]
            transactions = (*books.transactions, event)
        case EntryPosted():
            touched, transactions = [event.entry.account_id], books.transactions
        case _:
            assert_never(event)
    changed = {account_id: evolve_account(books.accounts.get(account_id, AccountState()), event) for account_id in touched}
    return Books(at=books.at, accounts=books.accounts | changed, transactions=transactions)
