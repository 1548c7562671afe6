"""One stream as it was: read it up to a moment, fold it, and say how sure that is."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from eventstore.errors import Refused
from eventstore.log import Position, current_position, partition_of, read_stream
from eventstore.messages import Aggregate, Envelope, Value
from eventstore.moments.differences import Change, differences
from eventstore.moments.finality import is_final
from eventstore.moments.places import time_of
from eventstore.moments.questions import Moment
from eventstore.moments.snapshots import read_from, state_at

Stamped = Callable[[Envelope], datetime]


class AsOf(Value):
    """What a past answer counts: everything up to this event of the stream. `final` says that it will be the same for ever."""

    version: int
    position: str
    recorded_at: datetime
    event_id: UUID
    final: bool


class Past(msgspec.Struct, frozen=True):
    """A stream's events up to a moment, oldest first; never empty."""

    envelopes: list[Envelope]
    as_of: AsOf


class Then(msgspec.Struct, frozen=True):
    """What an aggregate was."""

    state: Any
    as_of: AsOf


def recorded(envelope: Envelope) -> datetime:
    """When the log recorded an event."""
    return envelope.recorded_at


def tell_until(stream: str, moment: Moment, stamped: Stamped = recorded) -> Past:
    """The events of a stream up to a moment. Raises Refused (404) before its first event and for a version it has not got.

    `stamped` is for an app whose events carry a recording time of their own, one for all streams that a transaction touched.
    """
    counts, final = _limit(stream, moment, stamped)
    found: list[Envelope] = []
    for envelope in read_from(stream, after=0):
        if not counts(envelope):
            break
        found.append(envelope)
    if not found or (moment.version is not None and found[-1].version < moment.version):
        raise _nothing(stream, moment, found)
    newest = found[-1]
    place = str(Position({newest.partition: newest.position}))
    return Past(found, AsOf(version=newest.version, position=place, recorded_at=stamped(newest), event_id=newest.id, final=final))


def as_of(owner: Aggregate, key: object, moment: Moment, stamped: Stamped = recorded) -> Then:
    """An aggregate as of a moment, upcast to what today's code knows. Raises Refused (404), UnknownEvent, UnreadableEvent."""
    past = tell_until(owner.stream(key), moment, stamped)
    return Then(owner.fold(envelope.event for envelope in past.envelopes), past.as_of)


def compare(owner: Aggregate, key: object, one: Moment, other: Moment) -> list[Change]:
    """What changed between two moments of an aggregate, field by field. Raises Refused (404)."""
    before, after = (msgspec.to_builtins(as_of(owner, key, moment).state) for moment in (one, other))
    return differences(before, after)


def state_before(owner: Aggregate, envelope: Envelope) -> Any:
    """The state that an event found: everything of its stream before it."""
    return state_at(owner, envelope.stream, envelope.version - 1)


def _limit(stream: str, moment: Moment, stamped: Stamped) -> tuple[Callable[[Envelope], bool], bool]:
    """Which events count, and whether that is final. Judged before anything is read."""
    version, at = moment.version, moment.at
    if version is not None:
        return (lambda envelope: envelope.version <= version), True
    if moment.position is not None:
        partition = partition_of(stream)
        place = moment.position.heads.get(partition)
        if place is not None:
            reached = place <= current_position().heads.get(partition, 0)
            return (lambda envelope: envelope.position <= place), reached
        at = time_of(moment)
    assert at is not None
    latest = at
    return (lambda envelope: stamped(envelope) <= latest), is_final(latest)


def _nothing(stream: str, moment: Moment, found: list[Envelope]) -> Refused:
    first = read_stream(stream, limit=1)
    if not first:
        told = f"No event was ever recorded in stream {stream}."
    elif found:
        told = f"Stream {stream} has no version {moment.version} yet; its newest is {found[-1].version}."
    else:
        told = f"Stream {stream} began later, at {first[0].recorded_at.isoformat()}; as of {moment} there is nothing of it."
    return Refused(told, code="nothing_then", status=404)
