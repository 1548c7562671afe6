"""One batch of events for a saga: memories loaded and locked, reactions asked, steps written. All in the transaction of delivery.

Next: eventstore/sagas/dispatching.py carries out what a step sent.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models.functions import Now

from eventstore import faults
from eventstore.clock import new_id
from eventstore.context import following
from eventstore.delivery import wakeups
from eventstore.log import append, read_stream
from eventstore.messages import Envelope, Event, command_name
from eventstore.models import SagaCommand, SagaDeadline, SagaInstance, SagaStep
from eventstore.sagas.events import CommandRefused, DeadlinePassed, SagaStepped, SentCommand, SetDeadline
from eventstore.sagas.memories import command_id, saga_id
from eventstore.sagas.steps import Step
from eventstore.spans import handling
from eventstore.statements import ask

if TYPE_CHECKING:
    from eventstore.sagas.declarations import Saga

Status = SagaInstance.Status


class Mine(msgspec.Struct, frozen=True):
    """An event that belongs to one saga."""

    envelope: Envelope
    event: Event
    key: str
    saga: UUID
    begins: bool


def take(saga: "Saga", envelopes: Sequence[Envelope]) -> None:
    """Let a saga take events, each once however often it is handed over."""
    mine = list(_mine(saga, envelopes))
    if not mine:
        return
    rows = _locked(saga, mine)
    taken = set(SagaStep.objects.filter(saga__in=rows, event_id__in=[e.envelope.id for e in mine]).values_list("saga_id", "event_id"))
    sent = 0
    passed_by: list[SagaStep] = []
    for each in mine:
        row = rows.get(each.saga)
        if row is None or (row.id, each.envelope.id) in taken:
            continue
        if row.steps == 0 and not each.begins:
            continue  # its beginning comes later in this batch: so far it is nobody's
        commands = _step(saga, row, each) if _is_news(row, each) else None
        sent += commands or 0
        if commands is None and row.steps:
            # Taken, too: asked again in a replay, a reaction would judge it by today's memory.
            passed_by.append(SagaStep(saga=row, event_id=each.envelope.id, number=row.steps))
        taken.add((row.id, each.envelope.id))
    _write(rows.values())
    SagaStep.objects.bulk_create(passed_by)
    faults.step("saga.stepped")
    if sent:
        transaction.on_commit(wakeups.wake_sagas, robust=True)


def _is_news(row: SagaInstance, mine: Mine) -> bool:
    """Whether its reaction is asked at all."""
    if row.steps and mine.begins and row.started_by == mine.envelope.name and row.status != Status.FINISHED:
        return False  # begun already
    # Otherwise a step between its passing and now set it anew, or had no more use for it.
    return not isinstance(mine.event, DeadlinePassed) or _matters(row, mine.event)


def _mine(saga: "Saga", envelopes: Iterable[Envelope]) -> Iterable[Mine]:
    for envelope in envelopes:
        key = saga.key_for(envelope)
        if key is not None:
            yield Mine(envelope, envelope.event, key, saga_id(saga.name, key), envelope.name in saga.starts)


def _locked(saga: "Saga", mine: Sequence[Mine]) -> dict[UUID, SagaInstance]:
    """The rows of these sagas under their locks; those that begin get theirs here.

    Inserted and then locked, each in the order of ids: of two who begin the same one the second waits for the first and finds it,
    and two batches never wait for each other in a circle.
    """
    beginning = {each.saga: each for each in reversed(mine) if each.begins}
    blank = [
        SagaInstance(id=each.saga, saga=saga.name, key=each.key, started_by=each.envelope.name, correlation=each.envelope.correlation)
        for _, each in sorted(beginning.items())
    ]
    SagaInstance.objects.bulk_create(blank, ignore_conflicts=True)
    found = SagaInstance.objects.filter(pk__in={each.saga for each in mine}).order_by("pk").select_for_update(no_key=True)
    return {row.id: row for row in found}


def _step(saga: "Saga", row: SagaInstance, mine: Mine) -> int | None:
    """Ask for the step and note it; return how many commands it sent, None when nothing follows."""
    late = row.status == Status.FINISHED
    state = msgspec.convert(row.state, saga.state) if row.steps else saga.state()
    step = saga.react(state, mine.event, mine.envelope, late=late)
    if step is None:
        if isinstance(mine.event, CommandRefused) and mine.event.command not in saga.refusals:
            row.trouble = f"{mine.event.command} was refused and nobody reacts: {mine.event.detail}"
        return None
    if row.steps == 0:  # whose reaction began it, of several that might have
        row.started_by, row.correlation = mine.envelope.name, mine.envelope.correlation
    row.steps += 1
    row.state = msgspec.to_builtins(step.state)
    if not late:
        row.status = Status.FINISHED if step.finished else Status.COMPENSATING if step.compensating else row.status
        row.outcome = step.finished
    told = SagaStepped(
        saga=saga.name,
        key=row.key,
        number=row.steps,
        event_id=mine.envelope.id,
        event_name=mine.envelope.name,
        status=row.status,
        outcome=row.outcome,
        state=row.state,
        late=late,
        commands=tuple(
            SentCommand(id=command_id(row.id, row.steps, number), name=command_name(type(command)), data=msgspec.to_builtins(command))
            for number, command in enumerate(step.commands)
        ),
        deadlines=() if late else _due(step),  # a saga that is over waits for nothing
        cancelled=step.cancel,
    )
    cause = new_id()
    with (
        following(mine.envelope.id, mine.envelope.facts | {"correlation": row.correlation}, actor=f"saga:{saga.name}"),
        handling(saga.name, mine.envelope),
    ):
        row.version = append(row.stream, [told], expected=row.version, ids=[cause])
    SagaStep.objects.create(saga=row, event_id=mine.envelope.id, number=row.steps)
    _set_deadlines(row, step, told, mine)
    SagaCommand.objects.bulk_create(
        SagaCommand(id=sent.id, saga=row, step=row.steps, number=number, name=sent.name, data=sent.data, cause=cause)
        for number, sent in enumerate(told.commands)
    )
    return len(told.commands)


def _due(step: Step) -> tuple[SetDeadline, ...]:
    """When they pass, by the database's clock: the clocks of workers differ."""
    if not step.deadlines:
        return ()
    (now,) = ask("SELECT clock_timestamp()") or (datetime.min,)
    return tuple(SetDeadline(name=name, due_at=now + after) for name, after in step.deadlines.items())


def _set_deadlines(row: SagaInstance, step: Step, told: SagaStepped, mine: Mine) -> None:
    over = SagaDeadline.objects.filter(saga=row)
    if not step.finished:
        over = over.filter(name__in=[*step.cancel, *step.deadlines])
    if row.steps > 1 and (step.finished or step.cancel or step.deadlines):
        over.filter(state=SagaDeadline.State.WAITING).update(state=SagaDeadline.State.CANCELLED, ended_at=Now())
        for deadline in _unheard(row, over.filter(state=SagaDeadline.State.PASSED), mine):
            SagaDeadline.objects.filter(pk=deadline.pk).update(state=SagaDeadline.State.CANCELLED)
    if row.status != Status.FINISHED:
        SagaDeadline.objects.bulk_create(
            SagaDeadline(id=new_id(), saga=row, name=each.name, due_at=each.due_at, step=row.steps) for each in told.deadlines
        )


def _unheard(row: SagaInstance, passed: Iterable[SagaDeadline], mine: Mine) -> list[SagaDeadline]:
    """Those that passed while this saga has not taken the event that says so: its own stream may be behind others."""
    if not (found := list(passed)):
        return []
    told = {(e.event.name, e.event.due_at): e.id for e in read_stream(row.stream) if isinstance(e.event, DeadlinePassed)}
    heard = set(SagaStep.objects.filter(saga=row, event_id__in=told.values()).values_list("event_id", flat=True)) | {mine.envelope.id}
    return [deadline for deadline in found if told.get((deadline.name, deadline.due_at)) not in heard]


def _matters(row: SagaInstance, passed: DeadlinePassed) -> bool:
    same = SagaDeadline.objects.filter(saga=row, name=passed.name, due_at=passed.due_at)
    return not same.filter(state=SagaDeadline.State.CANCELLED).exists()


def _write(rows: Iterable[SagaInstance]) -> None:
    kept: list[SagaInstance] = []
    nothing: list[SagaInstance] = []
    for row in rows:
        (kept if row.steps else nothing).append(row)
        row.changed_at = Now()
        if row.status == Status.FINISHED and row.finished_at is None:
            row.finished_at = Now()
    SagaInstance.objects.bulk_update(
        kept,
        ["status", "outcome", "state", "trouble", "started_by", "correlation", "steps", "version", "changed_at", "finished_at"],
        batch_size=500,
    )
    # Somebody's reaction to a beginning was: nothing.
    if nothing:
        SagaInstance.objects.filter(pk__in=[row.pk for row in nothing]).delete()
