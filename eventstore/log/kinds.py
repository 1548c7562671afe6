"""Which events the log holds, by name and version, and some of each: found by steps through indexes, not by reading it all."""

import random
from uuid import UUID

import msgspec

from eventstore.log.reader import fetch
from eventstore.messages import Envelope
from eventstore.statements import ask_all

PROBE = 200  #: events of other versions that one throw of the dice steps over

# One look into the index a name, however many events it has.
NAMES = """
WITH RECURSIVE found(name) AS (
    (SELECT name FROM eventstore_event ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT e.name FROM eventstore_event e WHERE e.name > found.name ORDER BY e.name LIMIT 1) FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL
"""
# The same for versions above the first, in an index that holds only those.
LATER = """
WITH RECURSIVE found(name, version) AS (
    (SELECT name, schema_version FROM eventstore_event WHERE schema_version > 1 ORDER BY name, schema_version LIMIT 1)
    UNION ALL
    SELECT next.name, next.schema_version FROM found CROSS JOIN LATERAL (
        SELECT name, schema_version FROM eventstore_event e
        WHERE schema_version > 1 AND (e.name, e.schema_version) > (found.name, found.version) ORDER BY name, schema_version LIMIT 1
    ) next
)
SELECT name, version FROM found
"""
# Version 1 is where an event began, so its first events have it: this ends at once, unless the name began at a later version here.
FIRST = "SELECT true FROM eventstore_event WHERE name = %s AND schema_version = 1 ORDER BY id LIMIT 1"


class Kind(msgspec.Struct, frozen=True, order=True):
    """One version of one event."""

    name: str
    version: int


def kinds() -> list[Kind]:
    """Every name and version that the log holds."""
    later = [Kind(name, version) for name, version in ask_all(LATER)]
    mixed = {kind.name for kind in later}
    names = [name for (name,) in ask_all(NAMES)]
    first = [Kind(name, 1) for name in names if name not in mixed or ask_all(FIRST, [name])]
    return sorted(first + later)


def sample(kind: Kind, count: int, dice: random.Random) -> list[Envelope]:
    """So many events of a kind at most, oldest first: the oldest, the newest, and some between, by chance."""
    oldest = _end(kind, "ASC")
    newest = _end(kind, "DESC")
    found = {envelope.id: envelope for envelope in [*oldest, *newest][:count]}
    if oldest and newest:
        low, high = oldest[0].id.int, newest[0].id.int
        for _ in range(2 * count):
            if len(found) >= count:
                break
            found |= {envelope.id: envelope for envelope in _near(kind, UUID(int=dice.randint(low, high)))}
    # Events that were recorded in bursts stand far apart, and the dice keep falling into the same gap.
    for envelope in _end(kind, "ASC", count) if len(found) < count else []:
        if len(found) < count:
            found[envelope.id] = envelope
    return sorted(found.values(), key=lambda envelope: envelope.id)


def _end(kind: Kind, order: str, count: int = 1) -> list[Envelope]:
    later = "AND schema_version > 1" if kind.version > 1 else ""  # so that the index of later versions serves
    return fetch(f"WHERE name = %s AND schema_version = %s {later} ORDER BY id {order} LIMIT {count}", [kind.name, kind.version])


def _near(kind: Kind, id: UUID) -> list[Envelope]:
    """The next event of the kind behind an id, if it is not far."""
    beside = fetch(f"WHERE name = %s AND id >= %s ORDER BY id LIMIT {PROBE}", [kind.name, id])
    return next(([envelope] for envelope in beside if envelope.schema_version == kind.version), [])
