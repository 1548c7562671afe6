"""Taking a transaction back."""

from django.db import connection

from eventstore.log import unit_of_work
from eventstore.messages import handles
from ledger.commands import ReverseTransaction
from ledger.domain import decide, remaining
from ledger.events import TransactionPosted
from ledger.handlers.recording import Receipt, books_of, record
from ledger.models.constraints import constraints_speak
from ledger.models.write import Account, Entry, Hold, Transaction


@handles(ReverseTransaction)
@unit_of_work()
def reverse(command: ReverseTransaction) -> Receipt:
    """Take a transaction back. Raises Refused when the rules say no, StreamMoved when another writer was first."""
    touched = Entry.objects.filter(transaction=command.transaction_id).values_list("account_id", flat=True)
    rows = {row.id: row for row in Account.objects.locked(touched)}
    found = Transaction.objects.with_reversals(command.transaction_id)
    external_id = command.external_id or f"reversal:{command.reversal_id}"
    known = {transaction.pk for transaction in found}
    found += [same for same in Transaction.objects.recorded_as(external_id, command.reversal_id) if same.pk not in known]
    held = [] if found else [*Hold.objects.filter(pk=command.transaction_id)]
    books = books_of(rows, found, held)
    events = decide(books, command)
    with constraints_speak():
        record(events, rows)
        connection.check_constraints()
    new = [event for event in events if isinstance(event, TransactionPosted)]
    recorded = new[0] if new else books.recorded_as(external_id, command.reversal_id)
    assert recorded is not None
    left = remaining(books.transactions if not new else (*books.transactions, *new), command.transaction_id)
    return Receipt(recorded, rows, fresh=bool(new), remaining=left)
