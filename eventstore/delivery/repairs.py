"""What staff do about dead letters: each verb acts on exactly the keys that were shown, and says of each what became of it.

Order is never broken: a verb changes what happens to the failed event at the head of its key; the events behind it follow
in the order of the log, or go on waiting. `events` are the failed events that were shown: a key at whose head another
one stands by now is left alone, for nobody has looked at that one.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec

from eventstore.context import acting
from eventstore.delivery import checkpoints, corrections, parking
from eventstore.delivery.attempts import BROKEN
from eventstore.delivery.consumers import Consumer, consumer_named, declared_consumer
from eventstore.errors import Refused
from eventstore.events import OPERATIONS, DeadLetterHandled
from eventstore.log import ANY, append, read_event, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import Checkpoint, Correction, ParkedKey
from eventstore.scrubbing import scrub

State = ParkedKey.State
Became = Literal["processed", "failed again", "waits", "skipped", "discarded", "restored", "gone"]


class Acted(msgspec.Struct, frozen=True):
    """What became of one key."""

    id: UUID
    key: str
    became: Became  #: "gone": it did not wait any more when we came, or another event of it failed by then


class Wanted(msgspec.Struct, frozen=True):
    """A retry that was asked for and counted, and not made yet."""

    id: UUID
    key: str
    claimed: ParkedKey | None  #: None: it was gone when we came


def retry(ids: Sequence[UUID], reason: str, events: Collection[UUID] = ()) -> list[Acted]:
    """Try keys again now, due or not."""
    return [try_again(ask_again(id, reason, events)) for id in ids]


def ask_again(id: UUID, reason: str, events: Collection[UUID] = (), what: str = "retried") -> Wanted:
    """The first half of a retry, for a commit of its own: the wish is history and the attempt is counted before it is made."""
    with unit_of_work():
        key, parked = _wish(id, reason, what, events, ParkedKey.WAITING)
        return Wanted(id, key, parked and parking.claim(str(parked.pk)))


def try_again(wanted: Wanted) -> Acted:
    """The second half: the key is handled from its failed event on."""
    if wanted.claimed is None:
        return Acted(wanted.id, wanted.key, "gone")
    parking.retry(wanted.claimed)
    return Acted(wanted.id, wanted.key, _state_of(wanted.claimed, wanted.claimed.position))


def skip(ids: Sequence[UUID], reason: str, events: Collection[UUID] = ()) -> list[Acted]:
    """Leave out the failed event of each key, for good; what waited behind it goes on."""
    return [_each(id, reason, "skipped", _skip, events) for id in ids]


def redirect(ids: Sequence[UUID], to: str, reason: str, events: Collection[UUID] = ()) -> list[Acted]:
    """Let another consumer's handlers take the failed event of each key, then leave it out here. Raises UnknownName, Refused."""
    other = declared_consumer(to)
    return [_each(id, reason, f"redirected to {to}", lambda parked: _redirect(parked, other), events) for id in ids]


def discard(ids: Sequence[UUID], reason: str, events: Collection[UUID] = ()) -> list[Acted]:
    """Put keys away. Their streams stay held for this consumer, so that `restore` loses nothing and breaks no order."""
    return [_each(id, reason, "discarded", _discard, events) for id in ids]


def restore(ids: Sequence[UUID], reason: str) -> list[Acted]:
    """Take discarded keys back: dead letters as before."""
    return [_each(id, reason, "restored", _restore, among=(State.DISCARDED.value,)) for id in ids]


def edit(id: UUID, data: dict[str, Any], reason: str, events: Collection[UUID] = ()) -> tuple[Correction, Acted]:
    """Correct the payload of a key's failed event for this consumer and try it again. Raises Refused with all mistakes."""
    correction, wanted = ask_edited(id, data, reason, events)
    acted = try_again(wanted)
    correction.refresh_from_db()
    return correction, acted


def ask_edited(id: UUID, data: dict[str, Any], reason: str, events: Collection[UUID] = ()) -> tuple[Correction, Wanted]:
    """The first half of it: the correction is kept with the wish, and the attempt is counted before it is made."""
    _must_have(reason)
    with unit_of_work():
        parked = _lock(id, ParkedKey.WAITING)
        if parked is None:
            raise Refused("The key does not wait any more: somebody else was there first. Reload the page.", code="not_waiting")
        failed = failed_event(parked)
        if events and failed.id not in events:
            raise Refused("Another event of the key fails by now: somebody else was there first. Reload the page.", code="moved_on")
        correction = corrections.correct(consumer_named(parked.consumer), failed, data, reason)
        return correction, ask_again(id, reason, what="edited and retried")


def failed_event(parked: ParkedKey) -> Envelope:
    """The event at the head of a key, as it was recorded."""
    return parking.waiting_events(parked, parked.position, 1)[0]


def _each(
    id: UUID,
    reason: str,
    what: str,
    act: Callable[[ParkedKey], Became],
    events: Collection[UUID] = (),
    among: Sequence[str] = ParkedKey.WAITING,
) -> Acted:
    """One key: the wish is history before it is tried, so that an attempt that dies was still asked for."""
    key, parked = _wish(id, reason, what, events, among)
    return Acted(id, key, "gone" if parked is None else act(parked))


def _wish(id: UUID, reason: str, what: str, events: Collection[UUID], among: Sequence[str]) -> tuple[str, ParkedKey | None]:
    """Write down what somebody wants of a key; its name, and the row if it is as it was shown."""
    _must_have(reason)
    with unit_of_work():
        parked = _lock(id, among)
        if parked is None:
            return str(ParkedKey.objects.filter(pk=id).values_list("key", flat=True).first() or ""), None
        failed = failed_event(parked)
        if events and failed.id not in events:
            return parked.key, None
        told = DeadLetterHandled(
            parked_id=parked.pk, consumer=parked.consumer, key=parked.key, event_id=failed.id, what=what, reason=reason
        )
        with acting(**failed.story):
            append(OPERATIONS, [told], expected=ANY)
    return parked.key, parked


def _lock(id: UUID, among: Sequence[str]) -> ParkedKey | None:
    """The key, if it is in one of these states.

    The checkpoint first and then the key, as every retry locks them: a caller whose unit of work goes on would otherwise
    wait for a worker that waits for it.
    """
    where = ParkedKey.objects.filter(pk=id).values("consumer", "partition").first()
    if where is None:
        return None
    list(Checkpoint.objects.select_for_update().filter(**where))
    return ParkedKey.objects.select_for_update().filter(pk=id, state__in=among).first()


def _must_have(reason: str) -> None:
    if not reason.strip():
        raise Refused("This needs a reason: it stands in the history for whoever asks later.", code="reason_missing", status=422)


def _state_of(parked: ParkedKey, position: int) -> Became:
    now = ParkedKey.objects.get(pk=parked.pk)
    if now.state not in ParkedKey.WAITING:
        return "processed"
    return "failed again" if now.position == position else "waits"


def _skip(parked: ParkedKey) -> Became:
    return "skipped" if _step_over(parked, parked.position) else "gone"


def _redirect(parked: ParkedKey, other: Consumer) -> Became:
    envelope = failed_event(parked)
    if envelope.name not in other.handlers:
        raise Refused(f"{other.name} does not handle {envelope.name}; choose one of its events' consumers.", code="not_handled")

    def instead() -> None:
        try:
            other.handle(corrections.apply(other, [envelope]))
        except BROKEN:
            raise
        except Exception as error:  # whatever a handler raises: the step is taken back, and whoever asked is told
            said = scrub(f"{type(error).__name__}: {error}")
            raise Refused(f"{other.name} could not handle it either: {said}. The key waits as before.", code="redirect_failed") from error

    return "processed" if _step_over(parked, parked.position, instead) else "gone"


def _step_over(seen: ParkedKey, position: int, instead: Callable[[], None] = lambda: None) -> bool:
    """Move a key past its failed event, if that still is its failed event; what follows is retried at once."""
    consumer = consumer_named(seen.consumer)
    with unit_of_work():
        until = checkpoints.hold(consumer, seen.partition)
        checkpoints.queue_up(consumer)
        parked = ParkedKey.objects.select_for_update().filter(pk=seen.pk, state__in=ParkedKey.WAITING, position=position).first()
        if parked is None:
            return False
        instead()
        parked.failures.filter(position=position).update(skipped=True)
        followers = parking.waiting_events(parked, until, 2)[1:]
        if followers:
            parked.position, parked.attempts = followers[0].position, 0
        else:
            parking.end(parked, State.SKIPPED)
        parked.save()
    if followers and (claimed := parking.claim(str(parked.pk))):
        parking.retry(claimed)
    return True


def _discard(parked: ParkedKey) -> Became:
    changed = ParkedKey.objects.filter(pk=parked.pk, state__in=ParkedKey.WAITING).update(state=State.DISCARDED, next_attempt_at=None)
    return "discarded" if changed else "gone"


def _restore(parked: ParkedKey) -> Became:
    changed = ParkedKey.objects.filter(pk=parked.pk, state=State.DISCARDED).update(state=State.DEAD)
    return "restored" if changed else "gone"


def original_of(correction: Correction) -> Envelope | None:
    """The event that a correction is for, as it was recorded."""
    return read_event(correction.event_id)
