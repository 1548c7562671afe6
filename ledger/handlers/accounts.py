"""Opening an account."""

from eventstore.log import unit_of_work
from eventstore.messages import handles
from ledger.commands import OpenAccount
from ledger.domain import decide
from ledger.events import AccountOpened
from ledger.handlers.recording import books_of, open_row
from ledger.models.constraints import constraints_speak
from ledger.models.write import Account


@handles(OpenAccount)
@unit_of_work()
def open_account(command: OpenAccount) -> tuple[Account, bool]:
    """Open an account; return it, and whether it is new.

    Raises Refused when it is open as something else, StreamMoved when another writer was first.
    """
    rows = {row.id: row for row in Account.objects.locked([command.account_id, command.code or ""])}
    match decide(books_of(rows), command):
        case [AccountOpened() as event]:
            with constraints_speak():
                account, fresh = open_row(event)
            if not fresh:  # another writer was first: with the same account, or this refuses
                decide(books_of({account.id: account}), command)
            return account, fresh
    same_code = [row for row in rows.values() if row.code == command.code]
    return (same_code or [rows[command.account_id]])[0], False
