"""Commands carried out: lock, decide, record, append. All four or none.

Next: eventstore/log/writer.py records the events when the unit of work ends.
"""

from collections.abc import Sequence
from typing import NamedTuple, assert_never
from uuid import UUID

from django.db import connection

from eventstore.errors import StreamMoved
from eventstore.log import NEW, append, unit_of_work
from eventstore.messages import handles
from ledger.commands import CreditFunds, OpenAccount, Posting, PostTransaction, WithdrawFunds
from ledger.domain import Books, accounts, decide, wanted_by
from ledger.events import AccountOpened, EntryPosted, LedgerEvent, TransactionPosted
from ledger.models.constraints import constraints_speak
from ledger.models.write import Account, Transaction, moment_after

Rows = dict[UUID, Account]


class Receipt(NamedTuple):
    """A transaction, the accounts as it left them, and whether it is new: an external_id stays the same transaction for ever."""

    transaction: TransactionPosted
    accounts: Rows
    fresh: bool


@handles(OpenAccount)
@unit_of_work()
def open_account(command: OpenAccount) -> tuple[Account, bool]:
    """Open an account; return it, and whether it is new.

    Raises Refused when it is open as something else, StreamMoved when another writer was first.
    """
    rows = {row.id: row for row in Account.objects.locked([command.account_id, command.code or ""])}
    match decide(_books(rows), command):
        case [AccountOpened() as event]:
            with constraints_speak():
                account, fresh = _open(event)
            if not fresh:  # another writer was first: with the same account, or this refuses
                decide(_books({account.id: account}), command)
            return account, fresh
    same_code = [row for row in rows.values() if row.code == command.code]
    return (same_code or [rows[command.account_id]])[0], False


@handles(CreditFunds, WithdrawFunds, PostTransaction)
@unit_of_work()
def post(command: Posting) -> Receipt:
    """Post a transaction. Raises Refused when the rules say no, StreamMoved when another writer was first."""
    rows = {row.id: row for row in Account.objects.locked(entry.account for entry in wanted_by(command))}
    before = Transaction.objects.recorded_as(command.external_id, command.transaction_id)
    events = decide(_books(rows, before), command)
    with constraints_speak():
        _record(events, rows)
        # What is judged at COMMIT is judged here, while there is somebody to answer.
        connection.check_constraints()
    new = [event for event in events if isinstance(event, TransactionPosted)]
    return Receipt(new[0] if new else before[0].posted, rows, fresh=bool(new))


def _books(rows: Rows, before: Sequence[Transaction] = ()) -> Books:
    return Books(
        at=moment_after(rows.values()),
        accounts={row.id: row.state for row in rows.values()},
        transactions=tuple(transaction.posted for transaction in before),
    )


def _record(events: Sequence[LedgerEvent], rows: Rows) -> None:
    """Write rows and note events. Everything was decided before: whoever is refused has noted nothing."""
    for event in events:
        match event:
            case AccountOpened():
                row, _ = _open(event)
                if row.state != accounts.fold([event]):  # another writer was first, and made it something else or used it
                    raise StreamMoved(stream=row.stream, expected=NEW)
                rows[row.id] = row
            case TransactionPosted():
                Transaction.record(event)
                _move(event, rows)
            case EntryPosted():
                _move(event, rows)
            case _:
                assert_never(event)


def _open(event: AccountOpened) -> tuple[Account, bool]:
    row, fresh = Account.opened(event)
    if fresh:
        append(row.stream, [event], expected=NEW)
    return row, fresh


def _move(event: TransactionPosted | EntryPosted, rows: Rows) -> None:
    if event.home is None:  # no account of it is locked
        append(f"transaction-{event.transaction_id}", [event], expected=NEW)
        return
    account = rows[event.home.account_id]
    # The row is locked, so nobody else appends to its stream before this transaction ends.
    append(account.stream, [event], expected=account.version)
    account.keep(accounts.fold([event], account.state))
