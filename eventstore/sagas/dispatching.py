"""Commands of sagas carried out: each in a unit of work of its own that also marks it done, so once in effect whatever crashes."""

import time
from uuid import UUID

from django.db.models.functions import Now

from eventstore import faults
from eventstore.context import acting, following
from eventstore.delivery.attempts import BROKEN
from eventstore.errors import Refused, StreamMoved
from eventstore.log import append, read_event, savepoint, unit_of_work
from eventstore.messages import decode_command, dispatch
from eventstore.models import SagaCommand, SagaInstance
from eventstore.sagas.events import CommandRefused
from eventstore.scrubbing import scrub
from eventstore.spans import carrying_out
from eventstore.statements import ask

State = SagaCommand.State

TROUBLED = 5  #: attempts after which a person should look; the command is tried on, for ever
MOVED = 3  #: tries at once when another writer was first

# The attempt is counted and the next one set before this one is made, in a commit of its own: whoever dies with it comes round
# again. The commands of a saga go in order: a later one waits for the earlier. Waits double from 2 s to an hour.
CLAIM = """
UPDATE eventstore_sagacommand SET attempts = attempts + 1,
    due_at = clock_timestamp() + least(3600, 2 * power(2, least(attempts, 20))) * (0.9 + 0.2 * random()) * interval '1 second'
WHERE id = (
    SELECT w.id FROM eventstore_sagacommand w
    WHERE w.state = 'waiting' AND w.due_at <= clock_timestamp() AND NOT EXISTS (
        SELECT 1 FROM eventstore_sagacommand e
        WHERE e.saga_id = w.saga_id AND e.state = 'waiting' AND (e.step, e.number) < (w.step, w.number))
    ORDER BY w.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, attempts, saga_id, name
"""


def carry_out_due(seconds: float = 10.0) -> int:
    """Carry out commands that are due; return how many came to an end. What is left after `seconds` comes with the next hint."""
    until, ended = time.monotonic() + seconds, 0
    while time.monotonic() < until and (claimed := ask(CLAIM)):
        faults.step("command.claimed")
        command, attempts, saga, name = claimed
        if attempts > TROUBLED:
            _tell_trouble(saga, f"{name} was begun {attempts - 1} times and never came to an end.")
        ended += carry_out(command)
    return ended


def carry_out(command: UUID) -> bool:
    """Carry out one waiting command; False when it waits on, because it failed. A refusal is an end, too: its saga is told."""
    for _ in range(MOVED):
        try:
            return _carry_out(command)
        except BROKEN:
            raise
        except StreamMoved as moved:
            error: Exception = moved
        except Exception as failure:  # whatever a handler raises: it is tried again, and somebody will look
            error = failure
            break
    _note_failure(command, error)
    return False


@unit_of_work()
def _carry_out(pk: UUID) -> bool:
    # The saga first, then the command: the order of everybody who locks both.
    saga = SagaInstance.objects.select_for_update(of=("self",), no_key=True).get(commands=pk)
    command = SagaCommand.objects.select_for_update().get(pk=pk)
    if command.state != State.WAITING:
        return True
    step = read_event(command.cause)
    facts = {"correlation": saga.correlation} | (step.facts if step else {})
    with (
        following(command.cause, facts, actor=f"saga:{saga.saga}"),
        acting(command_id=str(pk)),
        carrying_out(command.name, step),
    ):
        try:
            with savepoint():
                dispatch(decode_command(command.name, command.data))
        except Refused as refusal:
            command.state, command.note = State.REFUSED, str(refusal)
            told = CommandRefused(
                saga=saga.saga,
                key=saga.key,
                command_id=pk,
                command=command.name,
                data=command.data,
                code=refusal.code,
                detail=str(refusal),
            )
            saga.version = append(saga.stream, [told], expected=saga.version)
        else:
            command.state, command.note = State.DONE, ""
            faults.step("command.carried_out")
    command.ended_at = Now()
    command.save(update_fields=["state", "note", "ended_at"])
    if saga.trouble.startswith((f"{command.name} failed", f"{command.name} was begun")):
        saga.trouble = ""
    saga.save(update_fields=["version", "trouble"])
    return True


def _note_failure(pk: UUID, error: Exception) -> None:
    note = scrub(f"{type(error).__name__}: {error}")
    SagaCommand.objects.filter(pk=pk, state=State.WAITING).update(note=note)
    command = SagaCommand.objects.get(pk=pk)
    if command.state == State.WAITING and command.attempts >= TROUBLED:  # else somebody settled it meanwhile
        _tell_trouble(command.saga_id, f"{command.name} failed {command.attempts} times, the last time with {note}")


def _tell_trouble(saga: UUID, sentence: str) -> None:
    SagaInstance.objects.filter(pk=saga).update(trouble=sentence)


def somebody_waits() -> bool:
    """Whether a command is due now."""
    found = ask("SELECT EXISTS (SELECT 1 FROM eventstore_sagacommand WHERE state = 'waiting' AND due_at <= clock_timestamp())")
    return bool(found and found[0])
