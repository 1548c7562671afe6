"""How far a run is: sums over its checkpoints, which move with its effects."""

from collections.abc import Iterable
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Count, Q

from eventstore.clock import now
from eventstore.models import Run, RunItem


class Progress(msgspec.Struct, frozen=True):
    """What is done and what is left of a run."""

    handled: int  #: events of the selection that were delivered, parked ones included
    total: int
    parked: int  #: keys that failed and wait for a person
    rate: float  #: events a second since it started, pauses included
    eta_seconds: float | None
    finished: bool  #: every lane has reached its end

    @property
    def percent(self) -> int:
        return 100 if self.finished else min(99, 100 * self.handled // max(self.total, 1))


LANES = """
SELECT r.id, coalesce(sum(c.handled), 0)::bigint, coalesce(bool_and(c.position >= c.until), true),
       (SELECT count(*) FROM eventstore_parkedkey k WHERE k.consumer = 'run:' || r.id AND k.state IN ('retrying', 'dead')),
       extract(epoch FROM coalesce(r.ended_at, now()) - coalesce(r.started_at, now()))::float
FROM eventstore_run r LEFT JOIN eventstore_checkpoint c ON c.consumer = 'run:' || r.id
WHERE r.id = ANY(%s) GROUP BY r.id
"""


def progress_of(run: Run) -> Progress:
    """One query over at most a row for each partition, or for each item."""
    return progress_of_all([run])[run.pk]


def progress_of_all(found: Iterable[Run]) -> dict[UUID, Progress]:
    """The progress of several runs, in two queries at most."""
    by_id = {run.pk: run for run in found}
    redrives = [run for run in by_id.values() if run.is_redrive]
    told = _of_items(redrives) if redrives else {}
    with connection.cursor() as cursor:
        cursor.execute(LANES, [[key for key in by_id if key not in told]])
        rows = cursor.fetchall()
    return told | {key: _of_lanes(by_id[key], *rest) for key, *rest in rows}


def _of_lanes(run: Run, handled: int, finished: bool, parked: int, seconds: float) -> Progress:
    rate = handled / seconds if seconds > 0 else 0.0
    eta = (run.total - handled) / rate if rate and not finished else None
    return Progress(handled, run.total, parked, round(rate, 1), eta and round(max(eta, 0.0), 1), finished)


def _of_items(redrives: list[Run]) -> dict[UUID, Progress]:
    done, failed = Count("pk", filter=~Q(became="")), Count("pk", filter=Q(became__in=["failed again", "waits"]))
    listed = RunItem.objects.filter(run__in=redrives).order_by().values("run").annotate(done=done, failed=failed)
    counts = {row["run"]: (row["done"], row["failed"]) for row in listed}
    return {run.pk: _of_redrive(run, *counts.get(run.pk, (0, 0))) for run in redrives}


def _of_redrive(run: Run, done: int, failed: int) -> Progress:
    seconds = ((run.ended_at or now()) - run.started_at).total_seconds() if run.started_at else 0
    rate = done / seconds if seconds > 0 else 0.0
    left = run.total - done
    return Progress(done, run.total, failed, round(rate, 1), round(left / rate, 1) if rate and left else None, not left)
