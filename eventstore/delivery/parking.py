"""Keys that wait because an event of them failed, and their way back: retried in order, followers read from the log."""

import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from eventstore.delivery import checkpoints, corrections, failures
from eventstore.delivery.attempts import attempt
from eventstore.delivery.consumers import Consumer, all_consumers, consumer_named
from eventstore.faults import step
from eventstore.log import read_partition, read_stream, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import ParkedKey
from eventstore.spans import taking

State = ParkedKey.State
FOLLOWERS = 500  #: events of a released key that are handled in one transaction


def blocked_keys(consumer: Consumer, partition: int) -> frozenset[str]:
    """The keys of a partition that wait for this consumer. Ask under the checkpoint's lock."""
    waiting = ParkedKey.objects.filter(consumer=consumer.name, partition=partition, state__in=ParkedKey.HELD)
    return frozenset(waiting.values_list("key", flat=True))


def park(consumer: Consumer, envelope: Envelope, error: Exception) -> ParkedKey:
    """Let the key of a failed event wait, or note that it is skipped; in the transaction that moves the checkpoint past it."""
    parked = ParkedKey(
        consumer=consumer.name,
        partition=envelope.partition,
        key=consumer.key_of(envelope),
        position=envelope.position,
        attempts=1,
    )
    _decide_what_next(parked, consumer, error)
    parked.save(force_insert=True)
    failures.record(parked, envelope, error, skipped=parked.state == State.SKIPPED)
    step("key.parked")
    return parked


def claim_due() -> ParkedKey | None:
    """Claim the key that has been due longest, by the database's clock; None when none is.

    The attempt is counted here, in its own commit, before it is made.
    """
    with transaction.atomic():
        due = ParkedKey.objects.select_for_update(skip_locked=True).filter(
            state=State.RETRYING, next_attempt_at__lte=Now(), consumer__in=[consumer.name for consumer in all_consumers()]
        )
        for parked in due.order_by("next_attempt_at"):
            if _count_attempt(parked):
                return parked
    return None


def somebody_is_due() -> bool:
    """Whether a parked key waits for its next attempt now."""
    return ParkedKey.objects.filter(state=State.RETRYING, next_attempt_at__lte=Now()).exists()


def retry_due(seconds: float = 10.0) -> int:
    """Retry whatever is due; return how many events took effect. What is left after `seconds` comes with the next sweep."""
    until = time.monotonic() + seconds
    handled = 0
    while time.monotonic() < until and (parked := claim_due()):
        step("retry.claimed")
        handled += retry(parked)
    return handled


def claim(parked_id: str) -> ParkedKey | None:
    """Claim one waiting key now, due or not; None when it does not wait any more."""
    with transaction.atomic():
        parked = ParkedKey.objects.select_for_update().filter(pk=parked_id, state__in=ParkedKey.WAITING).first()
        if parked is not None:
            parked.state = State.RETRYING
            parked.attempts = min(parked.attempts, consumer_named(parked.consumer).retry.attempts - 1)
            _count_attempt(parked)
    return parked


def _count_attempt(parked: ParkedKey) -> bool:
    """Count an attempt before it is made; False when the last one died without a word and was the last allowed."""
    retry = consumer_named(parked.consumer).retry
    if parked.attempts >= retry.attempts:
        parked.state, parked.next_attempt_at = State.DEAD, None
        parked.save(update_fields=["state", "next_attempt_at"])
        return False
    parked.attempts += 1
    # Pushed into the future before it runs: if the process dies with it, the key comes round again.
    parked.next_attempt_at = Now() + retry.delay(parked.attempts)
    parked.save(update_fields=["state", "attempts", "next_attempt_at"])
    return True


def retry(claimed: ParkedKey) -> int:
    """Handle a claimed key from its failed event on, in order, up to the checkpoint; return how many events took effect."""
    consumer = consumer_named(claimed.consumer)
    with unit_of_work():
        # No live step runs while the key catches up; afterwards the key is either free or still blocked.
        until = checkpoints.hold(consumer, claimed.partition)
        checkpoints.queue_up(consumer)
        # Looked at again under the lock: whoever retried it meanwhile may have moved it on.
        parked = ParkedKey.objects.select_for_update().filter(pk=claimed.pk, state__in=ParkedKey.WAITING).first()
        if parked is None:
            return 0
        recorded = waiting_events(parked, until, FOLLOWERS + 1)
        with taking(consumer.identity, parked.partition, recorded[:1], attempt=parked.attempts) as span:
            handled, error = _attempt_in_order(consumer, parked, recorded)
            if span is not None and error is not None:
                span.fail(type(error).__qualname__)
        parked.save()
        step("retry.handled")
    return handled


def _attempt_in_order(consumer: Consumer, parked: ParkedKey, recorded: Sequence[Envelope]) -> tuple[int, Exception | None]:
    """Handle what waits until one of them fails; note on the key what becomes of it."""
    handled = 0
    waiting = corrections.apply(consumer, recorded)
    for envelope, original in zip(waiting[:FOLLOWERS], recorded, strict=False):
        error = attempt(consumer, envelope) if envelope.name in consumer.handlers else None
        if envelope is not original:
            corrections.note_outcome(consumer, envelope, failed=error is not None)
        if isinstance(error, consumer.retry.skip):
            failures.record(parked, envelope, error, skipped=True)
        elif error is not None:
            if envelope.position != parked.position:
                parked.attempts = 1  # another event of the key: its own count
            parked.position = envelope.position
            _decide_what_next(parked, consumer, error)
            failures.record(parked, envelope, error)
            return handled, error
        else:
            handled += 1
    if len(waiting) > FOLLOWERS:
        parked.position = waiting[FOLLOWERS].position
        parked.attempts = 0
        parked.next_attempt_at = Now()
    else:
        end(parked, State.RESOLVED)
    return handled, None


def waiting_events(parked: ParkedKey, until: int, limit: int) -> list[Envelope]:
    """The events of a parked key that its consumer has not handled: a range in the log, never a copy."""
    first = _envelope_at(parked.partition, parked.position)
    if parked.key != first.stream:
        return [first]
    return [envelope for envelope in read_stream(first.stream, after=first.version - 1, limit=limit) if envelope.position <= until]


def _envelope_at(partition: int, position: int) -> Envelope:
    return read_partition(partition, position - 1, 1)[0]


def end(parked: ParkedKey, state: str) -> None:
    """The key waits no more."""
    parked.state = state
    parked.next_attempt_at = None
    parked.ended_at = Now()


def _decide_what_next(parked: ParkedKey, consumer: Consumer, error: Exception) -> None:
    if isinstance(error, consumer.retry.skip):
        end(parked, State.SKIPPED)
    elif consumer.retry.is_over(parked.attempts, error):
        parked.state, parked.next_attempt_at = State.DEAD, None
    else:
        parked.state, parked.next_attempt_at = State.RETRYING, Now() + consumer.retry.delay(parked.attempts)
