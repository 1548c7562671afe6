"""Drive a run: one partition after the other, no faster than it may, until every lane has reached its end."""

import time
from functools import partial
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from eventstore.conf import conf
from eventstore.context import acting
from eventstore.delivery import repairs, take_step, wakeups
from eventstore.events import RunEnded
from eventstore.faults import step
from eventstore.log import unit_of_work
from eventstore.models import ConsumerState, ParkedKey, Run, RunItem
from eventstore.runs.lanes import RunLane, lane_named
from eventstore.runs.paces import paced
from eventstore.runs.progress import progress_of
from eventstore.runs.starting import append_about, locked
from eventstore.spans import running

SLICE_SECONDS = 10.0  #: a task drives a run this long and leaves the rest to the next hint
State = Run.State


def drive(run_id: UUID, seconds: float = SLICE_SECONDS, seat: int = 0) -> int:
    """Deliver events of a run for some seconds; return how many positions it moved. Several processes at one run share its partitions.

    `seat` numbers those who were woken for it. Killed at any moment it goes on where its checkpoints stand: they move with
    its effects.
    """
    wakeups.lower([wakeups.run_flag(run_id, seat)])
    run = Run.objects.get(pk=run_id)
    if run.is_redrive:
        return drive_items(run, seconds) if seat == 0 else 0
    _notice_pause(run)
    lane = lane_named(run.lane)
    if lane.lanes == "one" and seat:
        return 0  # its steps follow each other, whoever makes them
    with running(run.consumer, str(run.pk)):
        delivered = _deliver(run, lane, seconds)
    if not _unfinished(run):
        step("run.finishing")
        finish(run_id)
    elif delivered:
        wakeups.wake_run(run_id, [seat])
    return delivered


def _deliver(run: Run, lane: RunLane, seconds: float) -> int:
    until = time.monotonic() + seconds
    delivered = 0
    while time.monotonic() < until and (waiting := _unfinished(run)):
        before = delivered
        for partition in waiting:
            delivered += paced(run, min(lane.batch or conf().BATCH, conf().BATCH), partial(take_step, lane, partition))
            step("run.stepped")
            if time.monotonic() >= until:
                break
        if delivered == before:
            break  # paused, or somebody else is at every lane that is left
    return delivered


def _notice_pause(run: Run) -> None:
    """A run whose handlers fail on everything was paused by delivery; then the run says so too."""
    if run.state == State.RUNNING and ConsumerState.objects.filter(name=run.lane, state=ConsumerState.State.PAUSED).exists():
        Run.objects.filter(pk=run.pk, state=State.RUNNING).update(state=State.PAUSED)


def drive_items(run: Run, seconds: float) -> int:
    """Retry the parked keys of a run, one after the other; return how many. A key that fails waits on, with all behind it."""
    until, tried = time.monotonic() + seconds, 0
    reason = f"run {run.pk}: {run.reason}"
    with acting(actor=run.started_by):
        while time.monotonic() < until:
            # Asked anew each time: a pause takes effect with the next key, and a key that was tried is never tried twice.
            item = RunItem.objects.filter(run=run, became="", run__state=State.RUNNING).select_related("run").order_by("parked_id").first()
            if item is None:
                break
            tried += paced(run, 1, partial(_retry, item, reason))
    finish(run.pk)
    return tried


def _retry(item: RunItem, reason: str) -> int:
    (acted,) = repairs.retry([item.parked_id], reason)
    # Of two processes at one key the second finds it gone; it went through all the same.
    ended = ParkedKey.objects.filter(pk=item.parked_id, ended_at__gte=item.run.started_at, state="resolved")
    became = "processed" if acted.became == "gone" and ended.exists() else acted.became
    return RunItem.objects.filter(pk=item.pk, became="").update(became=became)


def _unfinished(run: Run) -> list[int]:
    """The partitions that a running run has not finished, from the database: a pause takes effect with the next step."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.partition FROM eventstore_checkpoint c JOIN eventstore_consumerstate s ON s.name = c.consumer
               WHERE c.consumer = %s AND c.position < c.until ORDER BY c.moved_at, c.partition""",
            [run.lane],
        )
        return [partition for (partition,) in cursor.fetchall()]


def finish(run_id: UUID) -> None:
    """A run that reached its end is completed; one with shadow tables is ready to be looked at and swapped in."""
    with unit_of_work():
        run = locked(run_id)
        progress = progress_of(run)
        if run.state != State.RUNNING or not progress.finished:
            return
        if run.target == Run.Target.SHADOW:
            run.state = State.READY
        else:
            run.state, run.ended_at = State.COMPLETED, Now()
        run.save()
        ended = RunEnded(run_id=run.id, consumer=run.consumer, state=run.state, handled=progress.handled, parked=progress.parked)
        append_about(run, ended)


def wake_all() -> None:
    """Say that every running run has something to do: the sweep's part in it."""
    for run_id in Run.objects.filter(state=State.RUNNING).order_by("created_at").values_list("pk", flat=True):
        wakeups.wake_run(run_id)
