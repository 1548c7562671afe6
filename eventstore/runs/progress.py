"""How far a run is: sums over its checkpoints, which move with its effects."""

import msgspec
from django.db import connection
from django.db.models import Count, Q

from eventstore.clock import now
from eventstore.models import Run


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


def progress_of(run: Run) -> Progress:
    """One query over at most a row for each partition, or for each item."""
    if run.is_redrive:
        return _of_items(run)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce(sum(c.handled), 0)::bigint, coalesce(bool_and(c.position >= c.until), true),
                      (SELECT count(*) FROM eventstore_parkedkey k WHERE k.consumer = %s AND k.state IN ('retrying', 'dead')),
                      extract(epoch FROM coalesce(%s, now()) - coalesce(%s, now()))::float
               FROM eventstore_checkpoint c WHERE c.consumer = %s""",
            [run.lane, run.ended_at, run.started_at, run.lane],
        )
        handled, finished, parked, seconds = cursor.fetchone()
    rate = handled / seconds if seconds > 0 else 0.0
    eta = (run.total - handled) / rate if rate and not finished else None
    return Progress(handled, run.total, parked, round(rate, 1), eta and round(max(eta, 0.0), 1), finished)


def _of_items(run: Run) -> Progress:
    done, failed = Count("pk", filter=~Q(became="")), Count("pk", filter=Q(became__in=["failed again", "waits"]))
    told = run.items.aggregate(done=done, failed=failed)
    seconds = ((run.ended_at or now()) - run.started_at).total_seconds() if run.started_at else 0
    rate = told["done"] / seconds if seconds > 0 else 0.0
    left = run.total - told["done"]
    return Progress(told["done"], run.total, told["failed"], round(rate, 1), round(left / rate, 1) if rate and left else None, not left)
