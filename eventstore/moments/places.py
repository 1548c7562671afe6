"""Where a moment cuts the log: the position of each partition up to which it counts."""

from datetime import UTC, datetime

import msgspec

from eventstore.log import current_position
from eventstore.moments.finality import is_final
from eventstore.moments.questions import Moment, UnreadableMoment
from eventstore.statements import ask_all

NEVER = datetime.min.replace(tzinfo=UTC)

# Positions and times rise together, so a handful of looks finds the place in each partition, whatever its length.
HEADS_AT = """
WITH RECURSIVE look(partition, low, high) AS (
    SELECT id, 0::bigint, head FROM eventstore_partition
    UNION ALL
    SELECT l.partition,
           CASE WHEN e.recorded_at <= %(at)s THEN e.position ELSE l.low END,
           CASE WHEN e.recorded_at <= %(at)s THEN l.high ELSE e.position - 1 END
    FROM look l JOIN eventstore_event e ON e.partition = l.partition AND e.position = (l.low + l.high + 1) / 2
    WHERE l.low < l.high
)
SELECT partition, low FROM look WHERE low = high
"""

TIMES = """
SELECT e.recorded_at FROM unnest(%s::int[], %s::bigint[]) AS named(partition, position)
LEFT JOIN eventstore_event e USING (partition, position)
"""


class Cut(msgspec.Struct, frozen=True):
    """How far each partition counts, and whether that can still become more."""

    heads: dict[int, int]
    final: bool


def cut_at(moment: Moment) -> Cut:
    """Where a position or a time cuts the whole log. Raises UnreadableMoment for a version: only a stream has versions.

    A token that names some partitions means them exactly, and the others as of the time of the newest event it names.
    """
    if moment.at is not None:
        final = is_final(moment.at)
        return Cut(dict(ask_all(HEADS_AT, {"at": moment.at})), final)
    if moment.position is None:
        raise UnreadableMoment(str(moment), "Only one stream has versions; here it takes a position or a time.")
    heads, named = current_position().heads, moment.position.heads
    reached = all(position <= heads.get(partition, 0) for partition, position in named.items())
    exact = {partition: min(position, heads.get(partition, 0)) for partition, position in named.items()}
    if set(heads) <= set(named):
        return Cut(exact, reached)
    others = cut_at(Moment(at=time_of(moment)))
    return Cut(others.heads | exact, reached and others.final)


def time_of(moment: Moment) -> datetime:
    """The time a moment means where nothing else of it fits: of a token, when its newest event was recorded.

    Now, when one of its events is yet to come. Raises UnreadableMoment for a version.
    """
    if moment.at is not None:
        return moment.at
    position = moment.position
    if position is None:
        raise UnreadableMoment(str(moment), "What is asked keeps no versions; it takes a position or a time.")
    named = {partition: place for partition, place in position.heads.items() if place}
    times = [at for (at,) in ask_all(TIMES, [list(named), list(named.values())])]
    if any(at is None for at in times):
        return _now()
    return max(times, default=NEVER)


def _now() -> datetime:
    ((now,),) = ask_all("SELECT clock_timestamp()")
    moment: datetime = now
    return moment
