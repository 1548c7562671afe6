"""Celery's doors into the event store. Each task is one call; the work is elsewhere."""

import logging
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import task_postrun, task_prerun

from eventstore import absences, approvals, delivery, health, runs, sagas, tracing
from eventstore.context import acting
from eventstore.delivery import wakeups
from eventstore.models import IdempotencyKey

log = logging.getLogger(__name__)

_doors: dict[str, ExitStack] = {}


@task_prerun.connect
def open_door(task_id: str, task: Any, **_: Any) -> None:
    """What any task does was done by beat's timetable, or by a worker that a hint woke; the hint's trace goes on.

    What a consumer does for an event belongs to that event's story instead.
    """
    timed = any(entry["task"] == task.name for entry in (task.app.conf.beat_schedule or {}).values())
    come = tracing.read(getattr(task.request, "traceparent", None) or "", getattr(task.request, "tracestate", None) or "")
    _doors[task_id] = door = ExitStack()
    door.enter_context(acting(actor="system:beat" if timed else "system:worker", **(come.facts if come else {})))


@task_postrun.connect
def close_door(task_id: str, **_: Any) -> None:
    if (door := _doors.pop(task_id, None)) is not None:
        door.close()


TASK_SECONDS = 8.0  #: a worker that is asked to stop finishes its task first, and whoever asked waits 15 s; the sweep sends the next


@shared_task(name="eventstore.relay", ignore_result=True)
def relay(partition: int) -> None:
    """Publish what waits in one partition, and project it at once: another hint would cost more than the work."""
    waiting: list[str] = []
    events = delivery.relay_partition(
        partition, seconds=TASK_SECONDS / 2, wake=lambda lane, consumers: waiting.extend(wakeups.wake_or_take(lane, consumers))
    )
    if events:
        log.info("relayed", extra={"partition": partition, "events": events})
    if waiting:
        consume(partition, waiting)


@shared_task(name="eventstore.consume", ignore_result=True)
def consume(partition: int, names: list[str]) -> None:
    """Let consumers take what waits for them in one partition."""
    wakeups.lower(wakeups.flags_of(partition, names))
    for name in names:
        if events := delivery.drain(delivery.consumer_named(name), partition, seconds=TASK_SECONDS / len(names)):
            log.info("consumed", extra={"consumer": name, "partition": partition, "events": events})


@shared_task(name="eventstore.sweep", ignore_result=True)
def sweep() -> None:
    """Find what lost hints left behind, what Redis lost, and which parked keys are due."""
    delivery.sweep()
    runs.wake_all()
    if sagas.somebody_waits() or sagas.somebody_is_late():
        wakeups.wake_sagas()
    health.beat("sweep")


@shared_task(name="eventstore.due", ignore_result=True)
def due() -> None:
    """Do what is due because time passed."""
    approvals.expire_due()
    approvals.withdraw_moved()
    absences.raise_due()


@shared_task(name="eventstore.retry", ignore_result=True)
def retry() -> None:
    """Retry the parked keys that are due."""
    delivery.retry_due()


@shared_task(name="eventstore.sagas", ignore_result=True)
def carry_out() -> None:
    """Fire the deadlines of sagas that have passed, and carry out the commands that are due."""
    wakeups.lower(["wake:sagas"])
    sagas.fire_due(seconds=TASK_SECONDS / 2)
    sagas.carry_out_due(seconds=TASK_SECONDS / 2)


@shared_task(name="eventstore.run", ignore_result=True, acks_late=True)
def run(run_id: str, seat: int = 0) -> None:
    """Drive a run for some seconds, beside whoever sits at its other seats."""
    runs.drive(UUID(run_id), seat=seat)


@shared_task(name="eventstore.trim", ignore_result=True)
def trim() -> None:
    """Let the streams keep only what somebody needs."""
    delivery.trim()
    health.beat("trim")


@shared_task(name="eventstore.prune", ignore_result=True)
def prune() -> None:
    """Forget kept answers whose time is over, a batch at a time."""
    while IdempotencyKey.objects.prune():
        pass
    absences.forget_answers()
    health.beat("prune")
