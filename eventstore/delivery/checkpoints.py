"""How far a consumer is: moved by compare-and-set in the transaction of its effects."""

import msgspec
from django.db import connection

from eventstore.conf import conf
from eventstore.delivery.consumers import Consumer, all_consumers
from eventstore.log import Position
from eventstore.messages import Envelope
from eventstore.statements import ask, ask_all, tell


class Turn(msgspec.Struct, frozen=True):
    """One begun step of a consumer in a partition."""

    position: int  #: where it stands
    head: int  #: the newest event of the partition, or where a run ends
    epoch: int
    attempts: int  #: tries begun at this position, this one included
    careful: bool  #: a try died without a word nearby: one event at a time
    parked: bool  #: some keys of this partition wait, so every event must be held against them
    corrected: bool  #: some events have another payload for this consumer
    published: int  #: how far the relay vouches for the stream


class Batch(msgspec.Struct, frozen=True):
    """What one step takes: some events, and the position it leads to."""

    events: list[Envelope]
    upto: int
    fallback: bool = False  #: it came from the log, for the stream had a hole or was silent


# The attempt is counted in a commit of its own, before the handlers run: an event that kills its process is noticed.
# That commit does not wait for the disk (set_config): losing it in a crash of PostgreSQL costs one count.
# Two who begin within a second are two workers, not one that died: a death is counted once the try before is older.
# SKIP LOCKED only saves work. Correctness is the compare-and-set in move().
BEGIN = """
WITH mine AS MATERIALIZED (
    SELECT c.consumer, c.partition, least(p.head, coalesce(c.until, p.head)) AS head, p.epoch, r.position AS published,
           set_config('synchronous_commit', 'off', true)
    FROM eventstore_checkpoint c
    JOIN eventstore_partition p ON p.id = c.partition
    JOIN eventstore_relaycheckpoint r ON r.partition = c.partition
    JOIN eventstore_consumerstate s ON s.name = c.consumer AND s.state = 'running'
    WHERE c.consumer = %(consumer)s AND c.partition = %(partition)s AND c.position < least(p.head, coalesce(c.until, p.head))
      AND (c.attempts = 0 OR {again} OR NOT %(exclusive)s)
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE eventstore_checkpoint c
SET attempts = c.attempts + (c.attempts = 0 OR {again})::int,
    begun_at = CASE WHEN c.attempts = 0 OR {again} THEN clock_timestamp() ELSE c.begun_at END,
    careful_until = CASE WHEN c.attempts > 0 AND {again} AND c.careful_until <= c.position
                    THEN c.position + %(batch)s ELSE c.careful_until END
FROM mine WHERE c.consumer = mine.consumer AND c.partition = mine.partition
RETURNING c.position, mine.head, mine.epoch, c.attempts, c.careful_until > c.position, EXISTS (
    SELECT 1 FROM eventstore_parkedkey k
    WHERE k.consumer = c.consumer AND k.partition = c.partition AND k.state IN ('retrying', 'dead', 'discarded')),
    EXISTS (SELECT 1 FROM eventstore_correction k WHERE k.consumer = %(identity)s), mine.published
""".format(again="c.begun_at < clock_timestamp() - interval '1 second'")


def begin(consumer: Consumer, partition: int) -> Turn | None:
    """Begin a step; None when nothing waits, the consumer is paused or another process is at it."""
    names = {"consumer": consumer.name, "identity": consumer.identity}
    row = ask(BEGIN, names | {"partition": partition, "batch": conf().BATCH, "exclusive": consumer.exclusive})
    return Turn(*row) if row else None


def move(consumer: Consumer, partition: int, old: int, batch: Batch) -> bool:
    """Move the checkpoint if it still stands at `old`, and keep its row locked until COMMIT; False when somebody else was first."""
    moved = tell(
        """UPDATE eventstore_checkpoint
           SET position = %s, attempts = 0, handled = handled + %s, fallbacks = fallbacks + %s, moved_at = now()
           FROM (SELECT set_config('synchronous_commit', %s, true)) AS waiting
           WHERE consumer = %s AND partition = %s AND position = %s""",
        [batch.upto, len(batch.events), int(batch.fallback), "on" if consumer.durable else "off", consumer.name, partition, old],
    )
    return bool(moved)


def put(consumer: Consumer, partition: int, position: int) -> None:
    """Set a checkpoint whose row the caller holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            # greatest() would give an endless consumer an end: it passes over NULL.
            """UPDATE eventstore_checkpoint SET position = %s, until = until + greatest(0, %s - until), attempts = 0
               WHERE consumer = %s AND partition = %s""",
            [position, position, consumer.name, partition],
        )


def hold(consumer: Consumer, partition: int) -> int:
    """Lock the checkpoint until COMMIT, so that no step runs meanwhile; return its position."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position FROM eventstore_checkpoint WHERE consumer = %s AND partition = %s FOR UPDATE",
            [consumer.name, partition],
        )
        (position,) = cursor.fetchone()
    return int(position)


def queue_up(consumer: Consumer) -> None:
    """Let the steps of a one-lane consumer follow each other, whatever partition they are in."""
    if consumer.lanes == "one":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"lane of {consumer.name}"])


def reached(consumer_name: str) -> Position:
    """How far a consumer is in every partition, without the keys that wait."""
    return Position(dict(ask_all("SELECT partition, position FROM eventstore_checkpoint WHERE consumer = %s", [consumer_name])))


def lay_out() -> None:
    """Give the database the rows it needs: partitions, and a checkpoint for each consumer of the running code."""
    with connection.cursor() as cursor:
        partitions = list(range(conf().PARTITIONS))
        cursor.execute(
            "INSERT INTO eventstore_partition (id, head, epoch) SELECT unnest(%s::int[]), 0, 1 ON CONFLICT DO NOTHING", [partitions]
        )
        cursor.execute(
            """INSERT INTO eventstore_relaycheckpoint (partition, position, stopped, repairs)
               SELECT id, 0, '', 0 FROM eventstore_partition ON CONFLICT DO NOTHING"""
        )
        for consumer in all_consumers():
            cursor.execute(
                "INSERT INTO eventstore_consumerstate (name, state) VALUES (%s, 'running') ON CONFLICT DO NOTHING", [consumer.name]
            )
            cursor.execute(
                """INSERT INTO eventstore_checkpoint (consumer, partition, position, attempts, careful_until, fallbacks)
                   SELECT %s, id, CASE WHEN %s THEN head ELSE 0 END, 0, 0, 0 FROM eventstore_partition ON CONFLICT DO NOTHING""",
                [consumer.name, consumer.start == "now"],
            )
