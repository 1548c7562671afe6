"""Which positions a run delivers again: counted exactly before it starts, and frozen from then on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.db import connection

from eventstore.log import read_where
from eventstore.messages import Envelope, Value

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Selection(Value):
    """What somebody asked for. Everything given must hold; nothing given is the whole log up to now."""

    streams: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    since: Moment | None = None  #: recorded at or after
    until: Moment | None = None  #: recorded before
    events: tuple[UUID, ...] = ()

    def condition(self, handled: tuple[str, ...]) -> tuple[str, list[Any]]:
        """The SQL that finds it among the events that a consumer handles, with its values."""
        parts = ["name = ANY(%s)"]
        values: list[Any] = [sorted(set(handled) & set(self.names or handled))]
        for sql, value in (
            ("stream = ANY(%s)", list(self.streams)),
            ("id = ANY(%s)", list(self.events)),
            ("recorded_at >= %s", self.since),
            ("recorded_at < %s", self.until),
        ):
            if value:
                parts.append(sql)
                values.append(value)
        return " AND ".join(parts), values


class Past(Value):
    """The moment that a run stops at: as it was asked for, where it cuts the log, and whether an event may still come before it."""

    as_of: str
    heads: dict[int, int]
    final: bool


class Lane(msgspec.Struct, frozen=True):
    """The part of a selection that lies in one partition."""

    partition: int
    after: int
    until: int
    events: int


class Count(msgspec.Struct, frozen=True):
    """A selection as it was counted."""

    lanes: list[Lane]
    by_name: dict[str, int]
    oldest: datetime | None
    newest: datetime | None

    @property
    def total(self) -> int:
        return sum(lane.events for lane in self.lanes)


def count(selection: Selection, handled: tuple[str, ...], heads: Mapping[int, int] | None = None) -> Count:
    """Count a selection exactly, in one statement, up to `heads` if they are given; what comes later is beyond every lane."""
    condition, values = selection.condition(handled)
    if heads is not None:
        condition += " AND position <= (%s::jsonb ->> partition::text)::bigint"
        values = [*values, msgspec.json.encode(heads).decode()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT partition, name, count(*), min(position), max(position), min(recorded_at), max(recorded_at)
                FROM eventstore_event WHERE {condition} GROUP BY partition, name""",
            values,
        )
        rows = cursor.fetchall()
    lanes: dict[int, Lane] = {}
    by_name: dict[str, int] = {}
    for partition, name, events, first, last, *_ in rows:
        known = lanes.get(partition, Lane(partition, first - 1, last, 0))
        lanes[partition] = Lane(partition, min(known.after, first - 1), max(known.until, last), known.events + events)
        by_name[name] = by_name.get(name, 0) + events
    return Count(
        [lanes[partition] for partition in sorted(lanes)],
        dict(sorted(by_name.items())),
        min((row[5] for row in rows), default=None),
        max((row[6] for row in rows), default=None),
    )


def read(selection: Selection, handled: tuple[str, ...], partition: int, after: int, until: int, limit: int) -> list[Envelope]:
    """The next events of a selection in one partition, in order."""
    condition, values = selection.condition(handled)
    return read_where(partition, after, until, limit, condition, values)
