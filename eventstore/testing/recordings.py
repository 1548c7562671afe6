"""Events as the log would have recorded them, made in memory: dense positions, versions, times, facts."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from eventstore.log import partition_of
from eventstore.messages import Envelope, Event, encode, name_of

#: When the first event of a story happens, unless it says otherwise; each next one a second later.
BEGINNING = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Recorded(msgspec.Struct, frozen=True):
    """An event with what else a story says about it."""

    event: Event
    at: datetime | None
    stream: str | None
    facts: dict[str, Any]


def recorded(event: Event, *, at: datetime | None = None, stream: str | None = None, **facts: Any) -> Recorded:
    """An event that happened at a time, in a stream, with facts such as actor or reason: for `given` of a story."""
    return Recorded(event, at, stream, facts)


def envelopes_of(happened: Iterable[Event | Recorded], stream: str = "story-1", after: int = 0) -> list[Envelope]:
    """The envelopes that the log would hold of these, the first of them after so many others. Each passes through its codec."""
    versions: defaultdict[str, int] = defaultdict(int)
    positions: defaultdict[int, int] = defaultdict(int)
    made: list[Envelope] = []
    for number, said in enumerate(happened, start=1):
        told = said if isinstance(said, Recorded) else recorded(said)
        name, schema_version = name_of(type(told.event))
        where = told.stream or stream
        partition = partition_of(where)
        versions[where] += 1
        positions[partition] += 1
        at = told.at or BEGINNING + timedelta(seconds=after + number - 1)
        made.append(
            Envelope(
                partition=partition,
                position=after + positions[partition],
                id=UUID(int=after + number),
                stream=where,
                version=after + versions[where],
                name=name,
                schema_version=schema_version,
                data=msgspec.Raw(encode(told.event)),
                facts={"actor": "story", "correlation": str(UUID(int=0))} | told.facts,
                occurred_at=at,
                recorded_at=at,
            )
        )
    return made
