"""A dead letter as people and programs see it: what failed and why, what it says, and what waits behind it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from eventstore.delivery import checkpoints, corrections, parking
from eventstore.delivery.consumers import consumer_named
from eventstore.errors import EventStoreError
from eventstore.messages import Envelope
from eventstore.models import Correction, FailedEvent, ParkedKey

COUNTED = 1000  #: followers; whoever has more has "1000 or more"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One key that waits for a consumer, with its newest failure."""

    id: UUID
    state: str
    consumer: str
    key: str
    position: str
    attempts: int
    next_attempt_at: datetime | None
    parked_at: datetime
    ended_at: datetime | None
    event: str  #: the name of the failed event
    event_id: UUID | None
    error: str
    place: str
    fingerprint: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a key that failed."""

    event_id: UUID
    event: str
    position: str
    error: str
    place: str
    fingerprint: str
    traceback: str
    code_version: str
    attempts: int
    skipped: bool
    first_failed_at: datetime
    last_failed_at: datetime


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """Another payload that somebody gave the event for this consumer."""

    patch: list[dict[str, Any]]
    reason: str
    author: str
    outcome: str
    made_at: datetime


class OpenedLetter(Letter, frozen=True, kw_only=True):
    """The same with everything that staff need to act."""

    followers: int  #: events of the key that line up behind, counted up to 1000
    data: Any  #: the failed event's payload as this consumer reads it, corrections included
    failures: list[Failure]
    corrections: list[Corrected]


def with_failures(parked: QuerySet[ParkedKey]) -> QuerySet[ParkedKey]:
    """Keys with what `show` needs, in one query more whatever their number."""
    return parked.prefetch_related("failures")


def show(parked: ParkedKey) -> Letter:
    """One line about a key."""
    return Letter(**_facts(parked))


def open_letter(parked: ParkedKey) -> OpenedLetter:
    """Everything about a key."""
    consumer = consumer_named(parked.consumer)
    until = checkpoints.reached(parked.consumer).heads.get(parked.partition, 0)
    (failed, *followers) = parking.waiting_events(parked, until, COUNTED + 1) or parking.waiting_events(parked, parked.position, 1)
    (read,) = corrections.apply(consumer, [failed])
    made = Correction.objects.filter(consumer=consumer.identity, event_id=failed.id).order_by("made_at")
    return OpenedLetter(
        **_facts(parked) | {"event": failed.name, "event_id": failed.id},
        followers=len(followers) if parked.state in ParkedKey.HELD else 0,
        data=_payload(read),
        failures=[_failure(parked, failure) for failure in _in_order(parked.failures.all())],
        corrections=[
            Corrected(patch=one.patch, reason=one.reason, author=one.author, outcome=one.outcome, made_at=one.made_at) for one in made
        ],
    )


def _payload(envelope: Envelope) -> Any:
    try:
        return msgspec.to_builtins(envelope.event)
    except EventStoreError:  # that it cannot be read may be why it failed
        return msgspec.json.decode(envelope.data)


def _facts(parked: ParkedKey) -> dict[str, Any]:
    last = next(reversed(_in_order(parked.failures.all())), None)
    plain = ("id", "state", "consumer", "key", "attempts", "next_attempt_at", "parked_at", "ended_at")
    return {name: getattr(parked, name) for name in plain} | {
        "position": f"{parked.partition}-{parked.position}",
        "event": last.event_name if last else "",
        "event_id": last.event_id if last else None,
        "error": _error(last) if last else "",
        "place": last.place if last else "",
        "fingerprint": last.fingerprint if last else "",
    }


def _in_order(failures: Iterable[FailedEvent]) -> list[FailedEvent]:
    return sorted(failures, key=lambda failure: (failure.last_failed_at, failure.id))


def _error(failure: FailedEvent) -> str:
    return f"{failure.error_class}: {failure.message}"


def _failure(parked: ParkedKey, failure: FailedEvent) -> Failure:
    same = ("event_id", "place", "fingerprint", "traceback", "code_version", "attempts", "skipped", "first_failed_at", "last_failed_at")
    return Failure(
        event=failure.event_name,
        position=f"{parked.partition}-{failure.position}",
        error=_error(failure),
        **{name: getattr(failure, name) for name in same},
    )
