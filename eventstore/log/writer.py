"""The flush: per partition in sorted order, one statement that raises the head and inserts the events at dense positions."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import IntegrityError, connection

from eventstore.errors import EventIdReused, StreamMoved
from eventstore.log.positions import Position
from eventstore.log.streams import partition_of


class Draft(msgspec.Struct, frozen=True):
    """An event that will be recorded when its unit of work ends."""

    id: UUID
    stream: str
    version: int
    name: str
    schema_version: int
    data: bytes
    facts: bytes
    occurred_at: datetime


# The head's row lock makes the partition's writers queue here, so positions are dense in commit order.
# The version before a stream's first draft must exist: a version is never skipped.
# clock_timestamp() after the lock: now() is the transaction's start and would run backwards against positions.
APPEND = """
WITH head AS (
    UPDATE eventstore_partition SET head = head + %(count)s WHERE id = %(partition)s RETURNING head - %(count)s AS base
), draft AS (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(streams)s::text[], %(versions)s::int[], %(names)s::text[], %(schema_versions)s::smallint[],
        %(data)s::text[], %(facts)s::text[], %(occurred_at)s::timestamptz[]
    ) WITH ORDINALITY AS d(id, stream, version, name, schema_version, data, facts, occurred_at, n)
), skipping AS (
    SELECT first.stream FROM unnest(%(first_streams)s::text[], %(before)s::int[]) AS first(stream, before)
    WHERE first.before > 0 AND NOT EXISTS (
        SELECT 1 FROM eventstore_event e WHERE e.stream = first.stream AND e.version = first.before
    )
)
INSERT INTO eventstore_event
    (id, partition, position, stream, version, name, schema_version, data, facts, occurred_at, recorded_at)
SELECT d.id, %(partition)s, head.base + d.n, d.stream, d.version, d.name, d.schema_version, d.data::jsonb, d.facts::jsonb,
       d.occurred_at, clock_timestamp()
FROM head, draft d WHERE NOT EXISTS (SELECT 1 FROM skipping)
ORDER BY d.n
RETURNING position
"""

_violated_version = re.compile(r"\(stream, version\)=\((?P<stream>.*), (?P<version>\d+)\)")


def write(drafts: Sequence[Draft]) -> Position:
    """Record the drafts as the last statements of this transaction; say where they stand.

    Raises StreamMoved when another writer recorded one of the versions first. Partitions go in sorted order,
    so two units of work never wait for each other in a circle.
    """
    lanes: defaultdict[int, list[Draft]] = defaultdict(list)
    for draft in drafts:
        lanes[partition_of(draft.stream)].append(draft)
    return Position({partition: _write_lane(partition, lanes[partition]) for partition in sorted(lanes)})


def _write_lane(partition: int, drafts: list[Draft]) -> int:
    before: dict[str, int] = {}
    for draft in drafts:
        before.setdefault(draft.stream, draft.version - 1)
    values: dict[str, Any] = {
        "partition": partition,
        "count": len(drafts),
        "ids": [draft.id for draft in drafts],
        "streams": [draft.stream for draft in drafts],
        "versions": [draft.version for draft in drafts],
        "names": [draft.name for draft in drafts],
        "schema_versions": [draft.schema_version for draft in drafts],
        "data": [draft.data.decode() for draft in drafts],
        "facts": [draft.facts.decode() for draft in drafts],
        "occurred_at": [draft.occurred_at for draft in drafts],
        "first_streams": list(before),
        "before": list(before.values()),
    }
    connection.ensure_connection()
    try:
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(APPEND, values, prepare=True)
            if cursor.rowcount != len(drafts):
                stream, version = next(iter(before.items()))
                raise StreamMoved(stream=stream, expected=version)
            return max(int(position) for (position,) in cursor.fetchall())
    except IntegrityError as error:
        raise _explain(error, drafts) from error


def _explain(error: IntegrityError, drafts: list[Draft]) -> Exception:
    diagnosis = getattr(error.__cause__, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", "")
    if constraint == "one_event_per_stream_version":
        match = _violated_version.search(diagnosis.message_detail or "") if diagnosis else None
        stream = match["stream"] if match else drafts[0].stream
        expected = int(match["version"]) - 1 if match else drafts[0].version - 1
        return StreamMoved(stream=stream, expected=expected)
    if constraint == "eventstore_event_pkey":
        return EventIdReused(id=drafts[0].id, recorded="another event", offered=drafts[0].name)
    return error


def stream_version(stream: str) -> int:
    """The version of a stream, 0 when it has none. Takes the partition's lock: nobody appends until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM eventstore_partition WHERE id = %s FOR UPDATE", [partition_of(stream)])
        # A second statement: the first one's snapshot is older than the lock it waited for.
        cursor.execute("SELECT coalesce(max(version), 0) FROM eventstore_event WHERE stream = %s", [stream])
        (version,) = cursor.fetchone()
    return int(version)


def recorded_already(event_id: UUID, stream: str, name: str, data: bytes) -> bool:
    """Whether this very event is in the log. Raises EventIdReused when its id belongs to other content."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT stream, name, data, data = %s::jsonb FROM eventstore_event WHERE id = %s", [data.decode(), event_id])
        row = cursor.fetchone()
    if row is None:
        return False
    if (row[0], row[1], row[3]) != (stream, name, True):
        raise EventIdReused(id=event_id, recorded=f"{row[1]} in {row[0]} {row[2]}", offered=f"{name} in {stream} {data.decode()}")
    return True
