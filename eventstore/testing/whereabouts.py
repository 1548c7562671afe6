"""Where events hang on their way from the log to their consumers, in sentences, in the order of that way."""

from collections.abc import Iterator

from django.db import models
from django.db.models.functions import Now

from eventstore import health
from eventstore.delivery import Consumer, all_consumers, transport
from eventstore.errors import TransportDown
from eventstore.messages import Envelope
from eventstore.models import Checkpoint, ConsumerState, ParkedKey, Run, SagaCommand, SagaDeadline


def where_it_hangs(event: Envelope | None = None) -> list[str]:
    """The places where something waits, or where this event does; empty when it has arrived everywhere."""
    lanes = [lane for lane in health.lanes() if event is None or lane.partition == event.partition]
    return [*_relays(lanes, event), *_streams(lanes, event), *_consumers(lanes, event), *_parked(event), *_sagas(event), *_runs(event)]


def _relays(lanes: list[health.Lane], event: Envelope | None) -> Iterator[str]:
    for lane in lanes:
        wanted = lane.head if event is None else event.position
        if lane.stopped:
            yield f"the relay of partition {lane.partition} stopped at {lane.published} of {lane.head}: {lane.stopped}."
        elif lane.published < wanted:
            yield (
                f"not relayed: partition {lane.partition} is published up to {lane.published} of {lane.head}, "
                f"for {lane.oldest_seconds:.1f} s already. Consumers read the log meanwhile; does a worker run?"
            )


def _streams(lanes: list[health.Lane], event: Envelope | None) -> Iterator[str]:
    for lane in lanes:
        wanted = lane.published if event is None else min(event.position, lane.published)
        try:
            top = transport().top(lane.partition)
        except TransportDown as down:
            yield f"the streams do not answer: {down}"
            return
        there = top.position if top.epoch == lane.epoch else 0
        if there < wanted:
            yield (
                f"stream behind: the stream of partition {lane.partition} ends at {there}, though {lane.published} of {lane.head} were "
                "published. It lost entries; the sweep publishes them again, and consumers read the log meanwhile."
            )


def _consumers(lanes: list[health.Lane], event: Envelope | None) -> Iterator[str]:
    heads = {lane.partition: lane.head for lane in lanes}
    paused = set(ConsumerState.objects.filter(state=ConsumerState.State.PAUSED).values_list("name", flat=True))
    declared = [consumer for consumer in all_consumers() if event is None or event.name in consumer.handlers]
    if event is not None and not declared:
        yield f"no consumer handles {event.name}."
    stand = {(row.consumer, row.partition): row for row in Checkpoint.objects.filter(until=None, partition__in=heads)}
    for consumer in declared:
        for partition, head in heads.items():
            row = stand.get((consumer.name, partition))
            wanted = head if event is None else event.position
            if row is None:
                yield f"{consumer.name} has no checkpoint in partition {partition}; run manage.py migrate."
            elif row.position < wanted:
                yield _behind(consumer, row, head, consumer.name in paused)


def _behind(consumer: Consumer, row: Checkpoint, head: int, paused: bool) -> str:
    where = f"partition {row.partition}, checkpoint at {row.position} of {head}"
    if paused:
        return f"{consumer.name} is paused: {where}. Resume it."
    tries = f"; {row.attempts} tries were begun there and none ended" if row.attempts else ""
    return f"{consumer.name} is behind: {where}{tries}."


def _parked(event: Envelope | None) -> Iterator[str]:
    held = ParkedKey.objects.filter(state__in=ParkedKey.HELD)
    if event is not None:
        mine = models.Q(key=event.stream, position__lte=event.position) | models.Q(key=str(event.id))
        held = held.filter(mine, partition=event.partition)
    for parked in held.order_by("parked_at").prefetch_related("failures"):
        failure = max(parked.failures.all(), key=lambda failure: failure.last_failed_at, default=None)
        error = f": {failure.error_class}: {failure.message[:200]}" if failure else ""
        when = f", tried again at {parked.next_attempt_at:%H:%M:%S}" if parked.next_attempt_at else ""
        yield (
            f"{parked.key} is parked for {parked.consumer} ({parked.state}, {parked.attempts} attempts{when}) "
            f"since partition {parked.partition} position {parked.position}{error}"
        )


def _sagas(event: Envelope | None) -> Iterator[str]:
    commands = SagaCommand.objects.filter(state=SagaCommand.State.WAITING).select_related("saga").order_by("sent_at")
    late = SagaDeadline.objects.filter(state=SagaDeadline.State.WAITING, due_at__lte=Now()).select_related("saga").order_by("due_at")
    if event is not None:
        commands, late = commands.filter(saga__correlation=event.correlation), late.filter(saga__correlation=event.correlation)
    for command in commands:
        tried = f"{command.attempts} attempts" + (f", the last one ended with {command.note}" if command.note else "")
        yield f"{command.name}, sent by saga {command.saga.saga} of {command.saga.key}, was not carried out yet ({tried})."
    for deadline in late:
        yield f"the deadline {deadline.name} of saga {deadline.saga.saga} of {deadline.saga.key} passed and was not fired; does beat run?"


def _runs(event: Envelope | None) -> Iterator[str]:
    if event is not None:
        return
    for run in Run.objects.filter(state__in=Run.OPEN).order_by("created_at"):
        yield f"run {run.pk} of {run.consumer} {_STANDS[Run.State(run.state)]}"


_STANDS = {
    Run.State.WAITING: "waits for a second person's approval.",
    Run.State.RUNNING: "is running; does a worker of the queue runs work?",
    Run.State.PAUSED: "is paused; resume it.",
    Run.State.READY: "is ready, and waits to be swapped in.",
}
