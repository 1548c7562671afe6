"""Live work during a run: from an acknowledged order to its row, while a rebuild goes on in the background, next to without."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import psycopg
from django.conf import settings

from config.benchmark import histories, shops, web_clients
from config.benchmark.crews import Act
from config.benchmark.measurements import Options, Row, compare
from eventstore import runs

HISTORY = 50_000  #: events that the rebuild folds: several seconds of work, longer than a slice
PATIENCE = 30.0  #: seconds for an order to arrive, or for a rebuild to begin
LOOK = 0.001  #: seconds between two looks
PAIRS = 3  #: at most; each begins a rebuild and cancels it

#: The history is old: every live consumer and the relay have been through it.
THROUGH = """
UPDATE eventstore_checkpoint c SET position = p.head FROM eventstore_partition p WHERE p.id = c.partition;
UPDATE eventstore_relaycheckpoint r SET position = p.head FROM eventstore_partition p WHERE p.id = r.partition
"""


def measure(options: Options) -> list[Row]:
    with psycopg.connect(settings.DATABASE_URL) as session:
        histories.fill(session, HISTORY)
        session.execute(THROUGH)
        session.commit()
        session.autocommit = True
        with shops.ours("web", "worker", "runs", "beat") as (shop, _):
            undisturbed = partial(p50, partial(journey, session, web_clients.prepare(shop)), options.seconds)
            undisturbed()
            return [
                compare(
                    "live_during_run",
                    partial(while_rebuilding, undisturbed),
                    undisturbed,
                    repeat=min(options.repeat, PAIRS),
                    unit="ms, p50",
                    peer="the same without a rebuild in the background",
                    wanted="<= 1.5",
                )
            ]


def p50(sample: Callable[[], float], seconds: float) -> float:
    """The median in milliseconds of as many as there are in a slice, one after the other."""
    until = time.monotonic() + seconds
    samples = [1000 * sample()]
    while time.monotonic() < until:
        samples.append(1000 * sample())
    return median(samples)


def journey(session: "psycopg.Connection[Any]", place: Act) -> float:
    """Seconds from the answer to the row."""
    order_id = place()
    acknowledged = time.perf_counter()
    wait_for(lambda: session.execute("SELECT 1 FROM orders_ordersummary WHERE order_id = %s", [order_id], prepare=True).fetchone())
    return time.perf_counter() - acknowledged


def while_rebuilding(slice_of: Callable[[], float]) -> float:
    """A slice while the worker of the queue `runs` folds the history into shadow tables as fast as it can."""
    run = runs.rebuild_beside("orders.order_list", reason="benchmark")
    before = wait_for(lambda: runs.progress_of(run).handled)
    took = slice_of()
    run.refresh_from_db()
    # A figure of a slice in which it ended early or stood still would flatter us; a short slice may lie within one of its steps.
    if run.state != run.State.RUNNING:
        raise RuntimeError(f"The rebuild is {run.state} at {runs.progress_of(run).percent} % after the slice: --seconds is too long.")
    wait_for(lambda: runs.progress_of(run).handled != before)
    runs.change(run.id, "cancel", reason="measured")
    return took


def wait_for(seen: Callable[[], object]) -> object:
    """Look every millisecond until there is something."""
    until = time.monotonic() + PATIENCE
    while not (found := seen()):
        if time.monotonic() > until:
            raise RuntimeError(f"Nothing to be seen after {PATIENCE:.0f} s.")
        time.sleep(LOOK)
    return found
