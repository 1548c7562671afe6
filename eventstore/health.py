"""How far behind is everyone? Numbers from PostgreSQL alone, cheap at any size of the log and true in any process."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from eventstore.conf import conf
from eventstore.delivery import all_consumers, transport
from eventstore.errors import TransportDown
from eventstore.models import ParkedKey

#: A consumer in the database that the running code does not declare; one that the code declares and the database lacks.
GONE, MISSING = "gone", "missing"


class Lane(msgspec.Struct, frozen=True):
    """One partition: its log and its relay."""

    partition: int
    epoch: int
    head: int  #: position of the newest event, and so the number of its events
    published: int  #: how far the relay is
    stopped: str  #: why the relay stopped here; empty while it runs
    repairs: int  #: how often the stream had lost entries
    oldest_seconds: float  #: age of the oldest event that is not published, 0 when none waits

    @property
    def waiting(self) -> int:
        """Events that are not published yet."""
        return max(0, self.head - self.published)


class Outbox(msgspec.Struct, frozen=True):
    """What the log holds and no stream has yet."""

    waiting: int
    oldest_seconds: float


class ConsumerHealth(msgspec.Struct, frozen=True):
    """How far one consumer is, over all partitions."""

    name: str
    kind: str  #: "consumer", "projection", or "gone" when the running code does not declare it
    state: str  #: "running", "paused", or "missing" when the database has no row for it
    lag_events: int
    lag_seconds: float  #: age of the oldest event it has not taken, 0 when it has all
    fallbacks: int  #: batches it had to read from the log
    parked: int  #: keys that wait for their next retry
    dead: int  #: keys that wait for a person


class Rate(msgspec.Struct, frozen=True):
    """Events recorded lately."""

    per_second: float
    series: list[int]  #: events in each of the equal stretches that the seconds are cut into, oldest first
    seconds: int


class DeadLetters(msgspec.Struct, frozen=True):
    """Keys that wait because an event of them failed."""

    retrying: int
    dead: int
    last_parked_at: datetime | None  #: when a key was last parked, waiting now or not


class Alerts(msgspec.Struct, frozen=True):
    """What should have followed and did not."""

    open: int
    unseen: int  #: of these, what nobody has acknowledged


class Heartbeat(msgspec.Struct, frozen=True):
    """When a task of beat's timetable last ran: beat, broker and a worker were alive then."""

    name: str
    seconds_ago: float


class Overview(msgspec.Struct, frozen=True):
    """Everything at a glance."""

    lanes: list[Lane]
    consumers: list[ConsumerHealth]
    dead_letters: DeadLetters
    heartbeats: list[Heartbeat]
    rate: Rate

    @property
    def events(self) -> int:
        """Events in the log."""
        return sum(lane.head for lane in self.lanes)

    @property
    def outbox(self) -> Outbox:
        return _outbox_of(self.lanes)

    @property
    def stopped_relays(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.stopped]

    @property
    def slowest(self) -> ConsumerHealth | None:
        """The running consumer with the oldest event before it; None when nobody waits for anything."""
        behind = [consumer for consumer in self.consumers if consumer.lag_events and consumer.state == "running"]
        return max(behind, key=lambda consumer: (consumer.lag_seconds, consumer.lag_events), default=None)


# Positions are dense, so differences are counts and the event behind a checkpoint is one look into an index.
LANES = """
SELECT p.id, p.epoch, p.head, coalesce(r.position, 0), coalesce(r.stopped, ''), coalesce(r.repairs, 0),
       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - e.recorded_at)), 0)::float
FROM eventstore_partition p LEFT JOIN eventstore_relaycheckpoint r ON r.partition = p.id
LEFT JOIN LATERAL (
    SELECT recorded_at FROM eventstore_event WHERE r.position < p.head AND partition = p.id AND position = r.position + 1
) e ON true
ORDER BY p.id
"""

CONSUMERS = """
WITH waiting AS (
    SELECT consumer, count(*) FILTER (WHERE state = 'retrying') AS parked, count(*) FILTER (WHERE state = 'dead') AS dead
    FROM eventstore_parkedkey WHERE state IN ('retrying', 'dead') GROUP BY consumer
), lag AS (
    SELECT c.consumer, sum(greatest(0, p.head - c.position)) AS events, sum(c.fallbacks) AS fallbacks,
           max(greatest(0, extract(epoch FROM clock_timestamp() - e.recorded_at))) AS seconds
    FROM eventstore_checkpoint c JOIN eventstore_partition p ON p.id = c.partition
    LEFT JOIN LATERAL (
        SELECT recorded_at FROM eventstore_event WHERE c.position < p.head AND partition = c.partition AND position = c.position + 1
    ) e ON true
    WHERE c.until IS NULL
    GROUP BY c.consumer
)
SELECT s.name, s.state, coalesce(lag.events, 0)::bigint, coalesce(lag.seconds, 0)::float, coalesce(lag.fallbacks, 0)::bigint,
       coalesce(w.parked, 0), coalesce(w.dead, 0)
FROM eventstore_consumerstate s LEFT JOIN lag ON lag.consumer = s.name LEFT JOIN waiting w ON w.consumer = s.name
WHERE s.name NOT LIKE 'run:%%'
ORDER BY s.name
"""

# Where a partition stood at a moment: halving between 0 and its head, all partitions and moments at once. Some 20 looks into
# an index for each, whatever was written meanwhile; counting the last minute's events would cost most when load is highest.
# recorded_at, not the id: ids may be given by callers and then carry no time.
STOOD_AT = """
WITH RECURSIVE search(partition, ago, low, high) AS (
    SELECT p.id, ago, 0::bigint, p.head FROM eventstore_partition p, unnest(%s::float[]) AS ago
    UNION ALL
    SELECT s.partition, s.ago, CASE WHEN e.before THEN e.middle ELSE s.low END, CASE WHEN e.before THEN s.high ELSE e.middle - 1 END
    FROM search s CROSS JOIN LATERAL (
        SELECT position AS middle, recorded_at <= statement_timestamp() - s.ago * interval '1 second' AS before FROM eventstore_event
        WHERE partition = s.partition AND position = s.high - (s.high - s.low) / 2
    ) e WHERE s.low < s.high
)
SELECT ago, sum(low)::bigint FROM search WHERE low >= high GROUP BY ago ORDER BY ago DESC
"""


def lanes() -> list[Lane]:
    """Every partition with its relay."""
    return [Lane(*row) for row in _rows(LANES)]


def outbox() -> Outbox:
    """The events that wait for the relay, and the age of the oldest."""
    return _outbox_of(lanes())


def stopped_relays() -> list[Lane]:
    """The partitions where nothing is published until a person has looked."""
    return [lane for lane in lanes() if lane.stopped]


def consumers() -> list[ConsumerHealth]:
    """Every consumer that the database knows or the running code declares, by name."""
    declared = {consumer.name: consumer.kind for consumer in all_consumers()}
    known = [ConsumerHealth(name, declared.pop(name, GONE), *rest) for name, *rest in _rows(CONSUMERS)]
    missing = [ConsumerHealth(name, kind, MISSING, 0, 0.0, 0, 0, 0) for name, kind in declared.items()]
    return sorted(known + missing, key=lambda consumer: consumer.name)


def rate(seconds: int = 60, stretches: int = 12) -> Rate:
    """Events recorded in the last seconds: a mean, and a count for each stretch of them."""
    marks = [seconds * (stretches - n) / stretches for n in range(stretches + 1)]
    totals = [int(total) for _, total in _rows(STOOD_AT, [marks])] or [0] * len(marks)
    series = [after - before for before, after in pairwise(totals)]
    return Rate(per_second=sum(series) / seconds, series=series, seconds=seconds)


def dead_letters() -> DeadLetters:
    """How many keys wait, and when something last went wrong."""
    ((retrying, dead),) = _rows(
        """SELECT count(*) FILTER (WHERE state = 'retrying'), count(*) FILTER (WHERE state = 'dead')
           FROM eventstore_parkedkey WHERE state IN ('retrying', 'dead')"""
    )
    last = ParkedKey.objects.order_by("-id").values_list("parked_at", flat=True).first()  # ids are UUIDv7: the newest is the last
    return DeadLetters(retrying, dead, last)


def alerts() -> Alerts:
    """How many alerts are open, and how many of them nobody looks after."""
    ((waiting, unseen),) = _rows("SELECT count(*), count(*) FILTER (WHERE acknowledged_by = '') FROM eventstore_alert WHERE state = 'open'")
    return Alerts(waiting, unseen)


def pending_approvals() -> int:
    """How many questions wait for a second person."""
    ((waiting,),) = _rows("SELECT count(*) FROM eventstore_approval WHERE state = 'pending'")
    return int(waiting)


def heartbeats() -> list[Heartbeat]:
    """When each task of the timetable last ran, by name; a task that never ran has no line."""
    rows = _rows("SELECT name, greatest(0, extract(epoch FROM clock_timestamp() - beat_at))::float FROM eventstore_heartbeat ORDER BY name")
    return [Heartbeat(*row) for row in rows]


def beat(name: str) -> None:
    """Note that a task of the timetable runs. Not worth a wait for the disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO eventstore_heartbeat (name, beat_at)
               SELECT %s, clock_timestamp() FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick
               ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at""",
            [name],
        )


def overview() -> Overview:
    """All of it, in six queries."""
    return Overview(lanes=lanes(), consumers=consumers(), dead_letters=dead_letters(), heartbeats=heartbeats(), rate=rate())


def missing_migrations() -> list[str]:
    """The migrations of the running code that the database has not had, as app.name."""
    missing = _migrations_of_the_code() - set(MigrationRecorder(connection).applied_migrations())
    return [f"{app}.{name}" for app, name in sorted(missing)]


@cache
def _migrations_of_the_code() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)


def layout_trouble() -> str:
    """What is wrong with the rows that every database needs; empty when they are there."""
    ((partitions, relayed),) = _rows(
        "SELECT count(*), count(r.partition) FROM eventstore_partition p LEFT JOIN eventstore_relaycheckpoint r ON r.partition = p.id"
    )
    if partitions != conf().PARTITIONS:
        return f"EVENTSTORE_PARTITIONS is {conf().PARTITIONS}, but this database was made with {partitions} for good: set it back."
    missing = [consumer.name for consumer in consumers() if consumer.state == MISSING]
    if relayed < partitions or missing:
        return f"Checkpoints are missing ({', '.join(missing) or 'of the relay'}): run manage.py migrate."
    return ""


def database_trouble(seconds: float = 1.5) -> str:
    """Why the database cannot be worked with; empty when it can.

    Asked from a thread: a pool waits for a connection far longer than a probe has patience, and a server that hangs never answers.
    """
    try:
        _asking_the_database.submit(_ask_database).result(seconds)
    except NoAnswer:
        return f"nothing within {seconds} s"
    except Error as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _ask_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # this thread's, back to the pool


def transport_trouble(seconds: float = 0.5) -> str:
    """Why the streams cannot be reached; empty when they can.

    Asked from a thread: a client waits and retries for longer than a probe has patience.
    """
    try:
        _asking.submit(transport().top, 0).result(seconds)
    except TransportDown as down:
        return str(down)
    except NoAnswer:
        return str(TransportDown(reason=f"nothing within {seconds} s"))
    return ""


#: One thread: while a question hangs, the next one hangs behind it and times out as well.
_asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="asking-the-streams")
_asking_the_database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="asking-the-database")


def _outbox_of(all_lanes: list[Lane]) -> Outbox:
    return Outbox(
        waiting=sum(lane.waiting for lane in all_lanes), oldest_seconds=max((lane.oldest_seconds for lane in all_lanes), default=0.0)
    )


def _rows(sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
