"""What people do to delivery: pause, resume, try again. Each act is also an event in the stream `operations`."""

from django.db.models.functions import Now

from eventstore.context import acting
from eventstore.delivery import parking, repairs
from eventstore.delivery.consumers import Consumer, consumer_named
from eventstore.errors import EventStoreError
from eventstore.events import OPERATIONS, ConsumerPaused, ConsumerResumed, RetryRequested
from eventstore.log import ANY, append, unit_of_work
from eventstore.models import ConsumerState, ParkedKey

State = ConsumerState.State


class NotWaiting(EventStoreError):
    """Nothing was tried again: key {key} does not wait for {consumer} any more, it is {state}."""


def pause(name: str, reason: str) -> bool:
    """Let a consumer take nothing from its next step on; False when it was paused already. Raises UnknownName."""
    return _switch(consumer_named(name), State.PAUSED, ConsumerPaused(consumer=name, reason=reason))


def resume(name: str, reason: str) -> bool:
    """Let a consumer go on where it stood; False when it ran already. Raises UnknownName."""
    return _switch(consumer_named(name), State.RUNNING, ConsumerResumed(consumer=name, reason=reason))


def _switch(consumer: Consumer, state: str, told: ConsumerPaused | ConsumerResumed) -> bool:
    with unit_of_work():
        if not ConsumerState.objects.filter(name=consumer.name).exclude(state=state).update(state=state, changed_at=Now()):
            return False
        append(OPERATIONS, [told], expected=ANY)
        return True


def retry_now(parked: ParkedKey, reason: str) -> int:
    """Try a parked key again, due or not; return how many events took effect. Raises NotWaiting.

    The wish, the attempt and its outcome commit one after the other: an attempt that dies was still asked for and counted.
    """
    with unit_of_work():
        # Locked and looked at again: somebody else may have tried meanwhile.
        fresh = ParkedKey.objects.select_for_update().get(pk=parked.pk)
        if fresh.state not in ParkedKey.WAITING:
            raise NotWaiting(key=fresh.key, consumer=fresh.consumer, state=fresh.state)
        asked = RetryRequested(consumer=fresh.consumer, parked_id=fresh.pk, key=fresh.key, reason=reason)
        with acting(**repairs.failed_event(fresh).story):
            append(OPERATIONS, [asked], expected=ANY)
    claimed = parking.claim(str(parked.pk))
    return parking.retry(claimed) if claimed else 0
