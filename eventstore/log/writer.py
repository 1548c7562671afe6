"""The flush: per partition in sorted order, one statement that raises the head and inserts the events at dense positions."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import IntegrityError, connection
from psycopg.pq import TransactionStatus

from eventstore.errors import BadSetting, EventIdReused, StreamMoved
from eventstore.log.positions import Position
from eventstore.log.streams import partition_of
from eventstore.statements import ask, ask_all


class Draft(msgspec.Struct):
    """An event that will be recorded when its unit of work ends."""

    id: UUID
    stream: str
    version: int
    name: str
    schema_version: int
    data: msgspec.Raw
    facts: msgspec.Raw
    occurred_at: datetime
    follows: bool = False  #: the first of its stream in this unit of work, though not in the log: the version before must be there


# The head's row lock makes the partition's writers queue here, so positions are dense in commit order.
# The version before a stream's first draft must exist: a version is never skipped. What may not be becomes NULL, which the
# table refuses: one statement decides and writes, so it can be a transaction by itself.
# clock_timestamp() after the lock: now() is the transaction's start and would run backwards against positions.
# One document instead of an array a column: it costs the client a tenth.
APPEND = """
WITH head AS (
    UPDATE eventstore_partition SET head = head + %(count)s WHERE id = %(partition)s RETURNING head - %(count)s AS base
)
INSERT INTO eventstore_event
    (id, partition, position, stream, version, name, schema_version, data, facts, occurred_at, recorded_at)
SELECT d.id, %(partition)s, (SELECT base FROM head) + n, d.stream,
       CASE WHEN NOT d.follows OR EXISTS (SELECT 1 FROM eventstore_event e WHERE e.stream = d.stream AND e.version = d.version - 1)
            THEN d.version END,
       d.name, d.schema_version, d.data, d.facts, d.occurred_at, clock_timestamp()
FROM ROWS FROM (json_to_recordset(%(drafts)s) AS (
    id uuid, stream text, version int, follows bool, name text, schema_version smallint, data jsonb, facts jsonb, occurred_at timestamptz
)) WITH ORDINALITY AS d(id, stream, version, follows, name, schema_version, data, facts, occurred_at, n)
ORDER BY n
RETURNING position
"""

_violated_version = re.compile(r"\(stream, version\)=\((?P<stream>.*), (?P<version>\d+)\)")


def write(drafts: Sequence[Draft]) -> Position:
    """Record the drafts as the last statements of this transaction; say where they stand.

    Raises StreamMoved when another writer recorded one of the versions first. Partitions go in sorted order,
    so two units of work never wait for each other in a circle.
    """
    lanes: defaultdict[int, list[Draft]] = defaultdict(list)
    streams: set[str] = set()
    for draft in drafts:
        draft.follows = draft.version > 1 and draft.stream not in streams
        streams.add(draft.stream)
        lanes[partition_of(draft.stream)].append(draft)
    connection.ensure_connection()
    with _sparing_begin(connection.connection, alone=len(lanes) == 1):
        return Position({partition: _write_lane(partition, lanes[partition]) for partition in sorted(lanes)})


@contextmanager
def _sparing_begin(session: "psycopg.Connection[Any]", *, alone: bool) -> Iterator[None]:
    """The only statement of a transaction needs neither BEGIN nor COMMIT: it waits for one answer instead of three."""
    if not alone or session.info.transaction_status != TransactionStatus.IDLE:
        yield
        return
    session.autocommit = True
    try:
        yield
    finally:
        if not session.closed:
            session.autocommit = False


def _write_lane(partition: int, drafts: list[Draft]) -> int:
    values = {"partition": partition, "count": len(drafts), "drafts": msgspec.json.encode(drafts).decode()}
    try:
        return max(int(position) for (position,) in ask_all(APPEND, values))
    except IntegrityError as error:
        raise _explain(error, partition, drafts) from error


def _explain(error: IntegrityError, partition: int, drafts: list[Draft]) -> Exception:
    said = getattr(error.__cause__, "diag", None)
    constraint, column, detail = (getattr(said, name, None) or "" for name in ("constraint_name", "column_name", "message_detail"))
    if constraint == "one_event_per_stream_version":
        match = _violated_version.search(detail)
        stream = match["stream"] if match else drafts[0].stream
        expected = int(match["version"]) - 1 if match else drafts[0].version - 1
        return StreamMoved(stream=stream, expected=expected)
    if column == "version":
        skipping = [draft for draft in drafts if draft.follows]
        draft = next((draft for draft in skipping if str(draft.id) in detail), skipping[0])
        return StreamMoved(stream=draft.stream, expected=draft.version - 1)
    if column == "position":
        return BadSetting(problem=f"the database has no partition {partition}; run manage.py migrate after raising PARTITIONS")
    if constraint == "eventstore_event_pkey":
        return EventIdReused(id=drafts[0].id, recorded="another event", offered=drafts[0].name)
    return error


def stream_version(stream: str, noted: Collection[str] = ()) -> int:
    """The version of a stream, 0 when it has none. Takes the partition's lock: nobody appends until this transaction ends.

    With it those of the streams that are `noted` for the flush, all in one order: locked after this one, they would make a circle.
    """
    _lock_partitions([stream, *noted])
    # A second statement: the first one's snapshot is older than the lock it waited for.
    newest = ask("SELECT max(version) FROM eventstore_event WHERE stream = %s", [stream])
    return int(newest[0] or 0) if newest else 0


def hold_versions(streams: Collection[str]) -> dict[str, int]:
    """The same for several streams. Their partitions are locked in one order, so two holders never wait for each other in a circle."""
    _lock_partitions(streams)
    found = ask_all("SELECT stream, max(version) FROM eventstore_event WHERE stream = ANY(%s) GROUP BY stream", [list(streams)])
    return dict.fromkeys(streams, 0) | dict(found)


def _lock_partitions(streams: Collection[str]) -> None:
    lanes = sorted({partition_of(stream) for stream in streams})
    ask_all("SELECT 1 FROM eventstore_partition WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [lanes])


def recorded_already(event_id: UUID, stream: str, name: str, data: bytes) -> bool:
    """Whether this very event is in the log. Raises EventIdReused when its id belongs to other content."""
    row = ask("SELECT stream, name, data, data = %s::jsonb FROM eventstore_event WHERE id = %s", [data.decode(), event_id])
    if row is None:
        return False
    if (row[0], row[1], row[3]) != (stream, name, True):
        raise EventIdReused(id=event_id, recorded=f"{row[1]} in {row[0]} {row[2]}", offered=f"{name} in {stream} {data.decode()}")
    return True
