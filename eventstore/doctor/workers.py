"""Beat, workers and the relay: is anybody at work?"""

from collections.abc import Iterator

from celery import current_app
from kombu.exceptions import OperationalError

from eventstore import health
from eventstore.doctor.reports import Report, counted, finding, ok

LATE_SECONDS = 15.0  #: the sweep comes every second; a busy worker may take its time
WAITING_SECONDS = 30.0  #: an event that waits longer for the relay has been forgotten


def heartbeat() -> Iterator[Report]:
    """The sweep runs: beat sends it, the broker carries it, a worker takes it."""
    found = next((beat for beat in health.heartbeats() if beat.name == "sweep"), None)
    if found and found.seconds_ago < LATE_SECONDS:
        yield ok("beat and worker", f"the last sweep was {found.seconds_ago:.1f} s ago")
        return
    since = f"The last sweep was {found.seconds_ago:.0f} s ago" if found else "There has never been a sweep"
    workers = _workers()
    if workers is None:
        yield finding(
            "beat and worker", f"{since}; the broker does not answer either", "Start Redis or Valkey; workers reconnect by themselves."
        )
    elif not workers:
        fix = "Start one: celery -A config.celery worker --without-gossip --without-mingle (manage.py up starts everything)."
        yield finding("worker", f"{since}, and no worker answers", fix)
    else:
        fix = "Start it: celery -A config.celery beat --pidfile= (exactly one; manage.py up starts everything)."
        yield finding("beat", f"{since}, though {counted(workers, 'worker')} answered", fix)


def _workers() -> int | None:
    """How many workers answer; None when the broker does not."""
    if health.transport_trouble():
        return None  # the broker is the same server, and Celery would wait for it long
    try:
        return len(current_app.control.ping(timeout=1.0) or ())
    except (OperationalError, OSError):
        return None


def relay() -> Iterator[Report]:
    """What is recorded goes out."""
    waiting = health.outbox()
    if waiting.oldest_seconds > WAITING_SECONDS:
        fact = f"{counted(waiting.waiting, 'event')} not published, the oldest for {waiting.oldest_seconds:.0f} s"
        yield finding("relay", fact, "See the lines about Redis, beat, worker and stream tips; manage.py relay --once publishes by hand.")
    else:
        yield ok("relay", f"{counted(waiting.waiting, 'event')} not published yet")
