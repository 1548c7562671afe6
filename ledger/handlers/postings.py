"""Posting a transaction."""

from django.db import connection

from eventstore.log import unit_of_work
from eventstore.messages import handles
from ledger.commands import CreditFunds, Posting, PostTransaction, WithdrawFunds
from ledger.domain import decide, wanted_by
from ledger.events import TransactionPosted
from ledger.handlers.recording import Receipt, books_of, record
from ledger.models.constraints import constraints_speak
from ledger.models.write import Account, Transaction


@handles(CreditFunds, WithdrawFunds, PostTransaction)
@unit_of_work()
def post(command: Posting) -> Receipt:
    """Post a transaction. Raises Refused when the rules say no, StreamMoved when another writer was first."""
    rows = {row.id: row for row in Account.objects.locked(entry.account for entry in wanted_by(command))}
    before = Transaction.objects.recorded_as(command.external_id, command.transaction_id)
    events = decide(books_of(rows, before), command)
    with constraints_speak():
        record(events, rows)
        # What is judged at COMMIT is judged here, while there is somebody to answer.
        connection.check_constraints()
    new = [event for event in events if isinstance(event, TransactionPosted)]
    return Receipt(new[0] if new else before[0].posted, rows, fresh=bool(new))
