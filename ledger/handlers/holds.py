"""Placing holds, ending them, and ending those that nobody ended in time."""

import logging
from typing import NamedTuple

from django.db import connection

from eventstore.context import acting
from eventstore.errors import Refused, StreamMoved
from eventstore.log import unit_of_work
from eventstore.messages import handles
from ledger.commands import Ending, ExpireHold, PlaceHold, PostHold, VoidHold
from ledger.domain import decide, referred
from ledger.handlers.recording import Rows, books_of, record
from ledger.models.constraints import constraints_speak
from ledger.models.write import Account, Hold, Transaction

log = logging.getLogger(__name__)


class HoldReceipt(NamedTuple):
    """A hold, its accounts as it left them, and whether anything happened: an external_id stays the same hold for ever."""

    hold: Hold
    accounts: Rows
    fresh: bool


@handles(PlaceHold)
@unit_of_work()
def place_hold(command: PlaceHold) -> HoldReceipt:
    """Place a hold. Raises Refused when the rules say no, StreamMoved when another writer was first."""
    rows = {row.id: row for row in Account.objects.locked([referred(command.debit_account), referred(command.credit_account)])}
    before = Hold.objects.recorded_as(command.external_id, command.hold_id)
    events = decide(books_of(rows, held=before), command)
    with constraints_speak():
        record(events, rows)
        connection.check_constraints()
    return HoldReceipt(before[0] if not events else Hold.objects.get(pk=command.hold_id), rows, fresh=bool(events))


@handles(PostHold, VoidHold, ExpireHold)
@unit_of_work()
def end_hold(command: Ending) -> HoldReceipt:
    """Post, void or expire a hold. Raises Refused when the rules say no, StreamMoved when another writer was first."""
    between = Hold.objects.filter(pk=command.hold_id).values_list("debit_account_id", "credit_account_id").first()
    rows = {row.id: row for row in Account.objects.locked(between or ())}
    # After its accounts, as whoever places one: two that end the same hold never wait in a circle.
    held = [*Hold.objects.filter(pk=command.hold_id).select_for_update(no_key=True)]
    before = Transaction.objects.recorded_as(f"hold:{command.hold_id}", command.transaction_id) if isinstance(command, PostHold) else []
    events = decide(books_of(rows, before, held), command)
    with constraints_speak():
        record(events, rows, held[0])
        connection.check_constraints()
    return HoldReceipt(held[0], rows, fresh=bool(events))


def expire_due(limit: int = 500) -> int:
    """Release the money of holds whose time is over by the database's clock, each by itself; return how many it released."""
    released = 0
    for hold_id in Hold.objects.due(limit):
        try:
            with acting(actor="system:ledger.expire_holds"):
                released += end_hold(ExpireHold(hold_id=hold_id)).fresh
        except (Refused, StreamMoved):
            continue  # somebody else was first, or its accounts are ahead of the clock: the next run sees
        except Exception:  # whatever one of them meets: the money of the others does not wait for it
            log.exception("hold %s did not expire", hold_id)
    return released
