"""Growth: an append, a read of one stream and one step of a consumer on a large log, next to the same on one of 10,000 events.

Both logs stand on one server, in a database each, and one process works on them in turns through the same code.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import conninfo

from config.benchmark import histories
from config.benchmark.examples import order_placed
from config.benchmark.measurements import Options, Row, compare
from eventstore.conf import conf
from eventstore.delivery import take_step
from eventstore.log import NEW, append, read_stream, unit_of_work
from eventstore.projections import projection_named
from orders.domain import orders

SMALL = 10_000  #: events
EACH = 20  #: events of a stream
ACTS = 200  #: at most in a slice, so that appending does not make the small log a large one
WARM_UP = 20
CONSUMER = "orders.order_list"

#: The read table as the log before made it: a step looks rows up in a table that has grown too.
READ_TABLE = """
INSERT INTO orders_ordersummary (order_id, status, currency, customer_ref, line_count, total, refunded, placed_at, changed_at, version)
SELECT (data ->> 'order_id')::uuid, 'placed', 'EUR', data ->> 'customer_ref', 3, 2700, 0, occurred_at, recorded_at, 1
FROM eventstore_event WHERE version = 1
"""


class Log:
    """One log, filled. The default database of this process is that of the log whose turn it is."""

    def __init__(self, name: str, events: int) -> None:
        self.database = connections["default"].copy(alias=name)  # an alias of its own: pools are kept by alias
        self.database.settings_dict["NAME"] = name
        with psycopg.connect(conninfo.make_conninfo(settings.DATABASE_URL, dbname=name)) as session:
            self.events = histories.fill(session, events, each=EACH)
            session.execute(READ_TABLE)
            session.commit()
            session.autocommit = True
            session.execute("VACUUM ANALYZE orders_ordersummary")
            heads = session.execute("SELECT id, head FROM eventstore_partition").fetchall()
        self.partition, self.head = max(heads, key=lambda lane: int(lane[1]))

    def typical(self, act: "Callable[[Log], float]", seconds: float) -> float:
        """Milliseconds that an act takes, the median of a slice: a disk that stalls once says nothing about a log."""
        connections["default"] = self.database
        for _ in range(WARM_UP):
            act(self)
        until = time.perf_counter() + seconds
        took: list[float] = []
        while not took or (len(took) < ACTS and time.perf_counter() < until):
            took.append(act(self))
        return median(took) * 1000


def measure(options: Options) -> list[Row]:
    ours = conninfo.conninfo_to_dict(settings.DATABASE_URL)["dbname"]
    with psycopg.connect(conninfo.make_conninfo(settings.DATABASE_URL, dbname="postgres"), autocommit=True) as session:
        session.execute("CREATE DATABASE growth_small TEMPLATE daybook")
    small, large = Log("growth_small", SMALL), Log(str(ours), options.log_size)

    def row(name: str, act: Callable[[Log], float], wanted: str = "<= 1.2") -> Row:
        return compare(
            name,
            partial(large.typical, act, options.seconds),
            partial(small.typical, act, options.seconds),
            repeat=options.repeat,
            unit="ms",
            peer=f"the same at {small.events:,} events instead of {large.events:,}",
            wanted=wanted,
        )

    # Appending comes last: the others find the logs as they were filled.
    return [row("growth_read", read), row("growth_read_any", read_any, ""), row("growth_step", step), row("growth_append", add)]


def read(log: Log) -> float:
    """A stream among the newest, as many of them in either log: what is at work stays in memory however large the log is."""
    streams = log.events // EACH
    return read_one(random.randrange(max(streams - SMALL // EACH, 0), streams))


def read_any(log: Log) -> float:
    """Any stream of the whole log: told, not wanted, for it says how much larger than the server's memory a log is."""
    return read_one(random.randrange(log.events // EACH))


def read_one(number: int) -> float:
    stream = orders.stream(UUID(f"01900000-0000-7000-8000-{number:012x}"))
    took, events = timed(lambda: read_stream(stream))
    if len(events) != EACH:
        raise RuntimeError(f"{stream} has {len(events)} events instead of {EACH}.")
    return took


def step(log: Log) -> float:
    """The newest batch of a partition, again and again, from the log."""
    batch = min(conf().BATCH, log.head)
    with log.database.cursor() as cursor:
        cursor.execute(
            "UPDATE eventstore_checkpoint SET position = %s, attempts = 0 WHERE consumer = %s AND partition = %s",
            [log.head - batch, CONSUMER, log.partition],
        )
    took, moved = timed(lambda: take_step(projection_named(CONSUMER), log.partition))
    if moved != batch:
        raise RuntimeError(f"A step moved {moved} events instead of {batch}.")
    return took


def add(log: Log) -> float:
    """One event to a new stream in a unit of work."""
    event = order_placed()

    def act() -> None:
        with unit_of_work():
            append(orders.stream(event.order_id), [event], expected=NEW)

    return timed(act)[0]


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = act()
    return time.perf_counter() - begun, answer
