"""Deadlines that pass: rows, fired by beat and by the database's clock, once in effect. Firing is an event."""

import time
from uuid import UUID

from django.db.models.functions import Now

from eventstore.context import acting
from eventstore.log import append, unit_of_work
from eventstore.models import SagaDeadline, SagaInstance
from eventstore.sagas.events import DeadlinePassed
from eventstore.statements import ask

State = SagaDeadline.State

DUE = """
SELECT d.id FROM eventstore_sagadeadline d WHERE d.state = 'waiting' AND d.due_at <= clock_timestamp()
ORDER BY d.due_at LIMIT 1
"""


def fire_due(seconds: float = 10.0) -> int:
    """Fire the deadlines that have passed; return how many."""
    until, fired = time.monotonic() + seconds, 0
    while time.monotonic() < until and (due := ask(DUE)):
        fired += _fire(due[0])
    return fired


@unit_of_work()
def _fire(pk: UUID) -> bool:
    # The saga first, then the deadline: a step that is cancelling it, or another process that is firing it, comes before.
    saga = SagaInstance.objects.select_for_update(of=("self",), no_key=True).get(deadlines=pk)
    deadline = SagaDeadline.objects.select_for_update().get(pk=pk)
    if deadline.state != State.WAITING:
        return False
    deadline.state, deadline.ended_at = State.PASSED, Now()
    deadline.save(update_fields=["state", "ended_at"])
    told = DeadlinePassed(saga=saga.saga, key=saga.key, name=deadline.name, due_at=deadline.due_at)
    with acting(actor="system:deadlines", causation=str(deadline.id), correlation=saga.correlation):
        saga.version = append(saga.stream, [told], expected=saga.version)
    saga.save(update_fields=["version"])
    return True


def somebody_is_late() -> bool:
    """Whether a deadline has passed and was not fired."""
    return ask(DUE) is not None
