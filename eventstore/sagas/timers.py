"""Deadlines that pass: rows, fired by beat and by the database's clock, once in effect. Firing is an event."""

import logging
import time
from uuid import UUID

from django.db.models.functions import Now

from eventstore import faults
from eventstore.context import following
from eventstore.delivery.attempts import BROKEN
from eventstore.errors import EventStoreError
from eventstore.log import append, read_stream, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import SagaDeadline, SagaInstance
from eventstore.sagas.events import DeadlinePassed, SagaStepped
from eventstore.scrubbing import scrub
from eventstore.statements import ask

log = logging.getLogger(__name__)

State = SagaDeadline.State


class StepMissing(EventStoreError):
    """Stream {stream} has no step {number}, which set this deadline according to its row; close the saga and see to its subject by hand."""


DUE = """
SELECT d.id FROM eventstore_sagadeadline d WHERE d.state = 'waiting' AND d.due_at <= clock_timestamp() AND d.id <> ALL(%s)
ORDER BY d.due_at LIMIT 1
"""


def fire_due(seconds: float = 10.0) -> int:
    """Fire the deadlines that have passed; return how many. One that cannot be fired holds up no other: its saga is in trouble."""
    until, fired = time.monotonic() + seconds, 0
    left: list[UUID] = []
    while time.monotonic() < until and (due := ask(DUE, [left])):
        try:
            fired += _fire(due[0])
        except BROKEN:
            raise
        except Exception as error:  # whatever its stream or its row is wrong about
            left.append(due[0])
            _tell_trouble(due[0], scrub(f"{type(error).__name__}: {error}"))
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
    step = _set_by(saga, deadline.step)
    with following(step.id, step.facts, actor="system:deadlines"):
        saga.version = append(saga.stream, [told], expected=saga.version)
    if saga.trouble.startswith(f"Its deadline {deadline.name} "):
        saga.trouble = ""
    saga.save(update_fields=["version", "trouble"])
    faults.step("deadline.fired")
    return True


def _set_by(saga: SagaInstance, number: int) -> Envelope:
    """The step that set a deadline, from the saga's own stream, which is short."""
    for envelope in read_stream(saga.stream):
        if isinstance(stepped := envelope.event, SagaStepped) and stepped.number == number:
            return envelope
    raise StepMissing(stream=saga.stream, number=number)


def _tell_trouble(pk: UUID, note: str) -> None:
    log.warning("deadline_not_fired", extra={"deadline": str(pk), "reason": note})
    deadline = SagaDeadline.objects.get(pk=pk)
    SagaInstance.objects.filter(pk=deadline.saga_id).update(trouble=f"Its deadline {deadline.name} passed and cannot be told: {note}")


def somebody_is_late() -> bool:
    """Whether a deadline has passed and was not fired."""
    return ask(DUE, [[]]) is not None
