"""What was decided, written down: rows and events together."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, assert_never
from uuid import UUID

from eventstore.errors import StreamMoved
from eventstore.log import NEW, append
from ledger.domain import Books, accounts, holds
from ledger.events import (
    AccountOpened,
    Ended,
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
from ledger.models.write import Account, Hold, Transaction, moment_after

Rows = dict[UUID, Account]


class Receipt(NamedTuple):
    """A transaction, the accounts as it left them, and whether it is new: an external_id stays the same transaction for ever."""

    transaction: TransactionPosted
    accounts: Rows
    fresh: bool
    remaining: dict[str, str] | None = None  #: of the transaction that it takes back, by currency


def books_of(rows: Rows, before: Iterable[Transaction] = (), held: Iterable[Hold] = ()) -> Books:
    """What a decision may depend on. Asked for after the accounts were locked."""
    return Books(
        at=moment_after(rows.values()),
        accounts={row.id: row.state for row in rows.values()},
        transactions=tuple(transaction.posted for transaction in before),
        holds=tuple(hold.told for hold in held),
    )


def record(events: Sequence[LedgerEvent], rows: Rows, hold: Hold | None = None) -> None:
    """Write rows and note events. Everything was decided before: whoever is refused has noted nothing."""
    for event in events:
        match event:
            case AccountOpened():
                row, _ = open_row(event)
                if row.state != accounts.fold([event]):  # another writer was first, and made it something else or used it
                    raise StreamMoved(stream=row.stream, expected=NEW)
                rows[row.id] = row
            case TransactionPosted():
                Transaction.record(event)
                _move(event, rows)
            case EntryPosted() | EntryHeld() | EntryReleased():
                _move(event, rows)
            case HoldPlaced():
                append(Hold.placed(event).stream, [event], expected=NEW)
            case HoldPosted() | HoldVoided() | HoldExpired():
                assert hold is not None
                _end(event, hold)
            case TransactionReversed():
                # Its row is locked, so nobody else reverses it before this transaction ends.
                stream = f"transaction-{event.reverses_id}"
                append(stream, [event], expected=Transaction.objects.get(pk=event.reverses_id).version - 1)
            case _:
                assert_never(event)


def open_row(event: AccountOpened) -> tuple[Account, bool]:
    """The row of an account that opens, and whether nobody else was first."""
    row, fresh = Account.opened(event)
    if fresh:
        append(row.stream, [event], expected=NEW)
    return row, fresh


def _move(event: TransactionPosted | EntryPosted | EntryHeld | EntryReleased, rows: Rows) -> None:
    if event.home is None:  # no account of it is locked
        append(f"transaction-{event.transaction_id}", [event], expected=NEW)
        return
    account = rows[event.home.account_id]
    # The row is locked, so nobody else appends to its stream before this transaction ends.
    append(account.stream, [event], expected=account.version)
    account.keep(accounts.fold([event], account.state))


def _end(event: Ended, hold: Hold) -> None:
    append(hold.stream, [event], expected=hold.version)
    hold.keep(holds.fold([event], hold.told))
