"""What staff do to sagas: try a command again now, settle it by hand, have the saga undo itself, end it. Each act with its reason."""

from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models.functions import Now

from eventstore.clock import new_id, now
from eventstore.context import acting
from eventstore.delivery import consumer_named, wakeups
from eventstore.errors import Refused, StreamMoved, UnknownName
from eventstore.events import OPERATIONS, SagaHandled
from eventstore.log import ANY, append, read_version, unit_of_work
from eventstore.messages import Envelope, command_name, encode, name_of
from eventstore.models import SagaCommand, SagaDeadline, SagaInstance
from eventstore.sagas.declarations import Saga
from eventstore.sagas.events import CommandSettled, CompensationRequested, SagaClosed, SagaEvent

State = SagaCommand.State


@unit_of_work()
def retry(command: UUID, reason: str) -> SagaCommand:
    """Have a waiting command carried out now instead of when it is due. Raises Refused when it does not wait any more."""
    saga, waiting = _waiting(command)
    waiting.due_at = Now()
    waiting.save(update_fields=["due_at"])
    _note(saga, "retried", reason, waiting)
    transaction.on_commit(wakeups.wake_sagas, robust=True)
    return waiting


@unit_of_work()
def settle(command: UUID, reason: str) -> SagaCommand:
    """Count a waiting command as done: somebody saw to it in another way. The saga goes on with the next. Raises Refused."""
    saga, waiting = _waiting(command)
    waiting.state, waiting.note, waiting.ended_at = State.DONE, f"settled by hand: {reason}", Now()
    waiting.save(update_fields=["state", "note", "ended_at"])
    _append(saga, CommandSettled(saga=saga.saga, key=saga.key, command_id=command, command=waiting.name, reason=reason))
    _note(saga, "settled", reason, waiting)
    transaction.on_commit(wakeups.wake_sagas, robust=True)
    return waiting


@unit_of_work()
def compensate(saga: UUID, reason: str, seen: int | None = None) -> SagaInstance:
    """Ask a saga to undo what it did; it decides how, as an event of its stream. Raises Refused.

    `seen` is the version that somebody looked at; when the saga has gone on since, StreamMoved is raised.
    """
    row = _running(saga, seen)
    if (declared := _declared(row)) is None or declared.compensation is None:
        raise Refused(f"{row.saga} does not say how it undoes itself; declare on_compensate.", code="saga_cannot_compensate")
    _append(row, CompensationRequested(saga=row.saga, key=row.key, reason=reason))
    _note(row, "asked to compensate", reason)
    return row


@unit_of_work()
def close(saga: UUID, reason: str, seen: int | None = None) -> SagaInstance:
    """End a saga by hand: its deadlines and waiting commands matter no more; later events are late. Raises Refused, StreamMoved.

    One that is over and in trouble, because a command that it sent late was refused, keeps its end and is in trouble no more.
    """
    row = _locked(saga, seen)
    if row.status == SagaInstance.Status.FINISHED and row.trouble and not row.commands.filter(state=State.WAITING).exists():
        row.trouble = ""
        row.save(update_fields=["trouble"])
        _note(row, "trouble settled", reason)
        return row
    _still_running(row)
    SagaCommand.objects.filter(saga=row, state=State.WAITING).update(state=State.ABANDONED, note=reason, ended_at=Now())
    waiting = SagaDeadline.objects.filter(saga=row, state=SagaDeadline.State.WAITING)
    waiting.update(state=SagaDeadline.State.CANCELLED, ended_at=Now())
    _append(row, SagaClosed(saga=row.saga, key=row.key, reason=reason))
    row.status, row.outcome, row.trouble, row.finished_at = SagaInstance.Status.FINISHED, "closed by hand", "", Now()
    row.save(update_fields=["status", "outcome", "trouble", "finished_at"])
    _note(row, "closed", reason)
    return row


def foresee(row: SagaInstance) -> tuple[str, ...] | None:
    """The commands that a saga would send if it were asked to compensate now; None when it does not say how. Reactions are pure."""
    if (declared := _declared(row)) is None or declared.compensation is None:
        return None
    asked = CompensationRequested(saga=row.saga, key=row.key, reason="")
    name, version = name_of(CompensationRequested)
    facts, at = {"correlation": row.correlation}, now()
    envelope = Envelope(0, 0, new_id(), row.stream, row.version + 1, name, version, msgspec.Raw(encode(asked)), facts, at, at)
    try:
        step = declared.react(msgspec.convert(row.state, declared.state), asked, envelope)
    except Exception:  # whatever a reaction raises: this is for looking, and asking it in earnest will tell
        return ()
    return tuple(command_name(type(command)) for command in step.commands) if step else ()


def _declared(row: SagaInstance) -> Saga | None:
    try:
        found = consumer_named(row.saga)
    except UnknownName:
        return None
    return found if isinstance(found, Saga) else None


def _waiting(command: UUID) -> tuple[SagaInstance, SagaCommand]:
    """The saga, then its command, both locked: everybody locks them in this order."""
    saga = SagaInstance.objects.select_for_update(of=("self",), no_key=True).filter(commands=command).first()
    if saga is None:
        raise Refused(f"There is no command {command} of a saga.", code="command_not_found", status=404)
    found = SagaCommand.objects.select_for_update().get(pk=command)
    if found.state != State.WAITING:
        raise Refused(f"{found.name} does not wait any more, it is {found.state}.", code="command_not_waiting")
    return saga, found


def _running(saga: UUID, seen: int | None) -> SagaInstance:
    row = _locked(saga, seen)
    _still_running(row)
    return row


def _locked(saga: UUID, seen: int | None) -> SagaInstance:
    row = SagaInstance.objects.select_for_update(of=("self",), no_key=True).filter(pk=saga).first()
    if row is None:
        raise Refused(f"There is no saga {saga}.", code="saga_not_found", status=404)
    if seen is not None and row.version != seen:
        raise StreamMoved(stream=row.stream, expected=seen)
    return row


def _still_running(row: SagaInstance) -> None:
    if row.status == SagaInstance.Status.FINISHED:
        raise Refused(f"{row.saga} of {row.key} is finished: {row.outcome}.", code="saga_finished")


def _append(saga: SagaInstance, told: SagaEvent) -> None:
    with acting(**_story(saga)):
        saga.version = append(saga.stream, [told], expected=saga.version)
    saga.trouble = ""
    saga.save(update_fields=["version", "trouble"])


def _note(saga: SagaInstance, what: str, reason: str, command: SagaCommand | None = None) -> None:
    told = SagaHandled(saga_id=saga.id, saga=saga.saga, key=saga.key, what=what, reason=reason, command_id=command.pk if command else None)
    with acting(**_story(saga)):
        append(OPERATIONS, [told], expected=ANY)


def _story(saga: SagaInstance) -> dict[str, str]:
    """What staff do to a saga is of its story; they looked at its newest event."""
    newest = read_version(saga.stream)
    return newest.story if newest else {"correlation": saga.correlation}
