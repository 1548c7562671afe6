"""No faster than it may: the pace of a run is counted in its row, because several processes drive it."""

import time
from collections.abc import Callable

from django.db import connection

from eventstore.models import Run


def paced(run: Run, most: int, step: Callable[[], int]) -> int:
    """Take a step of at most so many events when its turn has come; return what the step does. Without a rate that is at once.

    The time of all its events is taken before the step, so that two processes never have the same, and what it did not
    need is given back.
    """
    if not run.rate:
        return step()
    time.sleep(_take(run, most / run.rate, most / run.rate))
    done = 0
    try:
        done = step()
    finally:
        if done < most:
            _take(run, (done - most) / run.rate, 0.0)
    return done


def _take(run: Run, seconds: float, own: float) -> float:
    """Move the moment from which on the run is free; return how long it is until our part of it begins."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE eventstore_run SET paced_until = greatest(paced_until, clock_timestamp()) + %s * interval '1 second'
               WHERE id = %s RETURNING extract(epoch FROM paced_until - clock_timestamp())::float""",
            [seconds, run.pk],
        )
        (until,) = cursor.fetchone()
    return max(0.0, float(until) - own)
