"""A saga as people and programs see it: one line for lists, and its history, step by step, with what each sent and waits for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models.fields.json import KeyTextTransform

from eventstore.log import read_stream
from eventstore.messages import Envelope, name_of
from eventstore.models import Event, SagaCommand, SagaDeadline, SagaInstance
from eventstore.moments import Change, differences
from eventstore.sagas.events import (
    CommandRefused,
    CommandSettled,
    CompensationRequested,
    DeadlinePassed,
    SagaClosed,
    SagaStepped,
)

SHOWN = 200  #: events of its stream that a history tells, the newest ones; commands, deadlines and what came of them likewise


class ToldDeadline(msgspec.Struct, frozen=True, kw_only=True):
    """How long a saga waits, or waited, for something."""

    id: UUID
    name: str
    state: str
    step: int
    due_at: datetime
    ended_at: datetime | None


class ToldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event and where it stands; `said` puts into words what a saga was told about itself."""

    id: UUID
    name: str
    stream: str
    version: int
    recorded_at: datetime
    said: str = ""


class ToldCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that a saga sent, how far it is, and the events that it led to."""

    id: UUID
    step: int
    number: int
    name: str
    data: dict[str, Any]
    state: str
    attempts: int
    note: str
    sent_at: datetime
    due_at: datetime
    ended_at: datetime | None
    events: list[ToldEvent] = []


class SagaLine(msgspec.Struct, frozen=True, kw_only=True):
    """One saga: where it is, what it waits for, and whether a person should look."""

    id: UUID
    saga: str
    key: str
    status: str
    outcome: str
    trouble: str
    correlation: str
    steps: int
    version: int
    started_by: str
    started_at: datetime
    changed_at: datetime
    finished_at: datetime | None
    deadline: ToldDeadline | None  #: the next one that passes
    command: ToldCommand | None  #: the first one that waits; the others wait for it


class ToldStep(msgspec.Struct, frozen=True, kw_only=True):
    """One event that a saga took and what followed. `number` is None when nothing did: no reaction, or the act of a person."""

    number: int | None
    event: ToldEvent
    step_id: UUID | None  #: the event that the step itself is; it caused what the commands led to
    at: datetime
    actor: str
    late: bool = False
    status: str = ""
    outcome: str = ""
    state: dict[str, Any] = {}
    changes: list[Change] = []
    cancelled: list[str] = []


class SagaHistory(SagaLine, frozen=True, kw_only=True):
    """The same with everything that happened to it, oldest first."""

    state: dict[str, Any]
    steps_left_out: int  #: events of its stream before those that are told
    story: list[ToldStep]
    commands: list[ToldCommand]
    deadlines: list[ToldDeadline]


def lines(rows: Sequence[SagaInstance]) -> list[SagaLine]:
    """One line about each, in two queries whatever their number."""
    ids = [row.pk for row in rows]
    waiting = SagaCommand.objects.filter(saga__in=ids, state=SagaCommand.State.WAITING).order_by("saga_id", "step", "number")
    commands = {found.saga_id: _command(found) for found in waiting.distinct("saga_id")}
    due = SagaDeadline.objects.filter(saga__in=ids, state=SagaDeadline.State.WAITING).order_by("saga_id", "due_at")
    deadlines = {found.saga_id: _deadline(found) for found in due.distinct("saga_id")}
    return [SagaLine(**_plain(row), deadline=deadlines.get(row.pk), command=commands.get(row.pk)) for row in rows]


def history(row: SagaInstance) -> SagaHistory:
    """Everything about one saga, in six queries."""
    (line,) = lines([row])
    after = max(0, row.version - SHOWN)
    story = _story(read_stream(row.stream, after=after, limit=SHOWN), _state_at(row.stream, after))
    first = min((step.number for step in story if step.number), default=0)
    commands = list(row.commands.filter(step__gte=first).order_by("-step", "-number")[:SHOWN])[::-1]
    led_to = _led_to([command.pk for command in commands])
    deadlines = list(row.deadlines.filter(step__gte=first).order_by("-step", "-due_at")[:SHOWN])[::-1]
    return SagaHistory(
        **msgspec.structs.asdict(line),
        state=row.state,
        steps_left_out=after,
        story=story,
        commands=[_command(command, led_to[str(command.pk)]) for command in commands],
        deadlines=[_deadline(deadline) for deadline in deadlines],
    )


def _state_at(stream: str, version: int) -> dict[str, Any]:
    """What it remembered at a version of its stream: what its last step until then said."""
    steps = Event.objects.filter(stream=stream, version__lte=version, name=name_of(SagaStepped)[0]).order_by("-version")
    last = steps.values_list("data", flat=True).first() if version else None
    return last["state"] if last else {}


def _story(envelopes: Sequence[Envelope], before: dict[str, Any]) -> list[ToldStep]:
    """The stream of a saga as steps: what it was told about itself stands with the step that took it."""
    own = {envelope.id: envelope for envelope in envelopes}
    taken = {event.event_id for envelope in envelopes if isinstance(event := envelope.event, SagaStepped)}
    others = Event.objects.filter(pk__in=taken - set(own)).only("id", "name", "stream", "version", "recorded_at")
    known = {event.pk: _event(event) for event in others} | {id: _event(envelope) for id, envelope in own.items()}
    story: list[ToldStep] = []
    for envelope in envelopes:
        event = envelope.event
        if isinstance(event, SagaStepped):
            story.append(_step(envelope, event, known.get(event.event_id), before))
            before = event.state
        elif envelope.id not in taken:
            story.append(
                ToldStep(number=None, event=known[envelope.id], step_id=None, at=envelope.recorded_at, actor=envelope.actor, state=before)
            )
    return story


def _step(envelope: Envelope, event: SagaStepped, cause: ToldEvent | None, before: dict[str, Any]) -> ToldStep:
    lost = ToldEvent(id=event.event_id, name=event.event_name, stream="", version=0, recorded_at=envelope.recorded_at)
    return ToldStep(
        number=event.number,
        event=cause or lost,
        step_id=envelope.id,
        at=envelope.recorded_at,
        actor=envelope.actor,
        late=event.late,
        status=event.status,
        outcome=event.outcome,
        state=event.state,
        changes=differences(before, event.state),
        cancelled=list(event.cancelled),
    )


def _led_to(commands: Iterable[UUID]) -> defaultdict[str, list[ToldEvent]]:
    """The events that commands led to: they carry the command's id."""
    found = Event.objects.filter(facts__has_key="command_id").annotate(command=KeyTextTransform("command_id", "facts"))
    led_to: defaultdict[str, list[ToldEvent]] = defaultdict(list)
    for event in found.filter(command__in=[str(pk) for pk in commands]).order_by("pk").defer("data")[:SHOWN]:
        if event.stream.partition("-")[0] != "saga":
            led_to[event.command].append(_event(event))
    return led_to


def _event(event: Event | Envelope) -> ToldEvent:
    said = _said(event) if isinstance(event, Envelope) else ""
    return ToldEvent(id=event.id, name=event.name, stream=event.stream, version=event.version, recorded_at=event.recorded_at, said=said)


def _said(envelope: Envelope) -> str:
    """What a saga was told about itself, in a sentence."""
    match envelope.event:
        case DeadlinePassed(name=name):
            return f"The deadline {name} passed."
        case CommandRefused(command=command, detail=detail):
            return f"{command} was refused: {detail}"
        case CommandSettled(command=command, reason=reason):
            return f"{command} was settled by hand: {reason}"
        case CompensationRequested(reason=reason):
            return f"Somebody asked it to undo what it did: {reason}"
        case SagaClosed(reason=reason):
            return f"Somebody closed it: {reason}"
    return ""


def show_command(row: SagaCommand) -> ToldCommand:
    """One command, with what it led to."""
    return _command(row, _led_to([row.pk])[str(row.pk)])


def _plain(row: SagaInstance) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SagaLine.__struct_fields__ if name not in ("deadline", "command")}


def _command(row: SagaCommand, events: Sequence[ToldEvent] = ()) -> ToldCommand:
    names = [name for name in ToldCommand.__struct_fields__ if name != "events"]
    return ToldCommand(**{name: getattr(row, name) for name in names}, events=list(events))


def _deadline(row: SagaDeadline) -> ToldDeadline:
    return ToldDeadline(**{name: getattr(row, name) for name in ToldDeadline.__struct_fields__})
