"""Reading the log: by stream from a version, by partition from a position. Always from the primary."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from eventstore.errors import LogHole
from eventstore.log.positions import Position
from eventstore.messages import Envelope
from eventstore.statements import ask_all

COLUMNS = "partition, position, id, stream, version, name, schema_version, data::text, facts::text, occurred_at, recorded_at"


def envelope_of(row: tuple[Any, ...]) -> Envelope:
    """An envelope from the columns above."""
    partition, position, event_id, stream, version, name, schema_version, data, facts, occurred_at, recorded_at = row
    return Envelope(
        partition,
        position,
        event_id,
        stream,
        version,
        name,
        schema_version,
        msgspec.Raw(data.encode()),
        msgspec.json.decode(facts),
        occurred_at,
        recorded_at,
    )


def _fetch(sql: str, values: Sequence[Any]) -> list[Envelope]:
    # Binary: as text, reading the two times of an event costs more than all the rest of it.
    return [envelope_of(row) for row in ask_all(sql, values, binary=True)]


def fetch(condition: str, values: Sequence[Any]) -> list[Envelope]:
    """The events that an SQL condition finds, with its ORDER BY and LIMIT."""
    return _fetch(f"SELECT {COLUMNS} FROM eventstore_event {condition}", values)


def read_partition(partition: int, after: int, limit: int) -> list[Envelope]:
    """The events of a partition that follow a position, in order. Raises LogHole where a position is missing."""
    found = _fetch(
        f"SELECT {COLUMNS} FROM eventstore_event WHERE partition = %s AND position > %s ORDER BY position LIMIT %s",
        [partition, after, limit],
    )
    for expected, envelope in enumerate(found, start=after + 1):
        if envelope.position != expected:
            raise LogHole(partition=partition, position=expected, head=head_of(partition))
    return found


def read_where(partition: int, after: int, until: int, limit: int, condition: str, values: Sequence[Any]) -> list[Envelope]:
    """The events of a partition between two positions that meet an SQL condition, in order."""
    return _fetch(
        f"""SELECT {COLUMNS} FROM eventstore_event WHERE partition = %s AND position > %s AND position <= %s AND {condition}
            ORDER BY position LIMIT %s""",
        [partition, after, until, *values, limit],
    )


def read_stream(stream: str, after: int = 0, limit: int = 1_000_000) -> list[Envelope]:
    """The events of a stream that follow a version, in order."""
    return _fetch(
        f"SELECT {COLUMNS} FROM eventstore_event WHERE stream = %s AND version > %s ORDER BY version LIMIT %s",
        [stream, after, limit],
    )


def read_version(stream: str, version: int = 0) -> Envelope | None:
    """The event that made a version of a stream, or its newest."""
    found = _fetch(
        f"SELECT {COLUMNS} FROM eventstore_event WHERE stream = %s AND (version = %s OR %s = 0) ORDER BY version DESC LIMIT 1",
        [stream, version, version],
    )
    return found[0] if found else None


def read_newest(limit: int, name: str = "") -> list[Envelope]:
    """The newest events, oldest of them first; of one name, if it is given. For people: order across partitions is by time."""
    if name:
        # By id: as good as by time where ids are ours, and there is an index for it.
        found = _fetch(f"SELECT {COLUMNS} FROM eventstore_event WHERE name = %s ORDER BY id DESC LIMIT %s", [name, limit])
        return found[::-1]
    found = _fetch(
        f"""SELECT e.* FROM eventstore_partition p CROSS JOIN LATERAL (
            SELECT {COLUMNS} FROM eventstore_event WHERE partition = p.id AND position > p.head - %s
        ) e ORDER BY recorded_at DESC, partition DESC, position DESC LIMIT %s""",
        [limit, limit],
    )
    return found[::-1]


def read_event(event_id: UUID) -> Envelope | None:
    """One event by its id."""
    found = _fetch(f"SELECT {COLUMNS} FROM eventstore_event WHERE id = %s", [event_id])
    return found[0] if found else None


def read_correlation(correlation: str, limit: int = 1000) -> list[Envelope]:
    """The events of one story, oldest first."""
    return _fetch(
        f"SELECT {COLUMNS} FROM eventstore_event WHERE (facts ->> 'correlation') = %s ORDER BY id LIMIT %s",
        [correlation, limit],
    )


def read_everything(batch: int) -> Iterator[Envelope]:
    """Every event, partition by partition, in order."""
    for partition in current_position().heads:
        after = 0
        while found := read_partition(partition, after, batch):
            yield from found
            after = found[-1].position


def head_of(partition: int) -> int:
    """The position of a partition's newest event."""
    return current_position().heads.get(partition, 0)


def current_position() -> Position:
    """How far the log is, over all partitions."""
    return Position(dict(ask_all("SELECT id, head FROM eventstore_partition ORDER BY id")))


def read_feed(after: Position, limit: int, names: Sequence[str] = ()) -> tuple[list[Envelope], Position]:
    """Events of all partitions beyond a position, for outside readers; and the position they lead to.

    In order per partition, and so per stream; roughly by time across partitions. `names` narrows it down;
    events of other names count as seen.
    """
    heads = current_position().heads
    known = [(partition, after.heads.get(partition, 0)) for partition in heads]
    wanted = "" if not names else "AND name = ANY(%s)"
    values: list[Any] = [[partition for partition, _ in known], [position for _, position in known]]
    values += [list(heads.values()), *([list(names)] if names else []), limit]
    found = _fetch(
        f"""SELECT e.* FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS lane(id, after, head) CROSS JOIN LATERAL (
            SELECT {COLUMNS} FROM eventstore_event
            WHERE partition = lane.id AND position > lane.after AND position <= lane.head {wanted}
            ORDER BY position LIMIT %s
        ) e""",
        values,
    )
    # By time, but never before an earlier position of the same partition.
    latest: dict[int, Any] = {}
    ordered = []
    for envelope in found:
        latest[envelope.partition] = at = max(envelope.recorded_at, latest.get(envelope.partition, envelope.recorded_at))
        ordered.append((at, envelope.partition, envelope.position, envelope))
    ordered.sort(key=lambda item: item[:3])
    page = [item[3] for item in ordered[:limit]]
    cut = {item[1] for item in ordered[limit:]}
    reached = dict(known)
    if len(page) < limit:
        reached = {partition: max(position, heads[partition]) for partition, position in known if partition not in cut}
    for envelope in page:
        reached[envelope.partition] = max(reached.get(envelope.partition, 0), envelope.position)
    return page, Position(reached)
