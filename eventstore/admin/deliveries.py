"""What became of one event: done, waiting or parked, for every consumer that handles it."""

from collections.abc import Iterable
from uuid import UUID

import msgspec
from django.db import connection

from eventstore.delivery import all_consumers
from eventstore.models import Event, FailedEvent, ParkedKey

# The key that waits is the stream, or the event itself for a consumer that is not ordered by stream.
DELIVERIES = """
SELECT c.consumer, c.position >= %(position)s, s.state, k.id, k.state, k.position
FROM eventstore_checkpoint c
LEFT JOIN eventstore_consumerstate s ON s.name = c.consumer
LEFT JOIN eventstore_parkedkey k ON k.consumer = c.consumer AND k.state IN ('retrying', 'dead')
     AND k.partition = c.partition AND k.position <= %(position)s AND k.key IN (%(stream)s, %(id)s)
WHERE c.partition = %(partition)s AND c.consumer = ANY(%(consumers)s)
ORDER BY c.consumer
"""


class Delivery(msgspec.Struct, frozen=True):
    """One consumer's view of the event."""

    consumer: str
    kind: str
    state: str  #: done, waiting, retrying, dead, or behind when an earlier event of its key is parked
    note: str = ""
    parked: UUID | None = None


def deliveries(event: Event) -> list[Delivery]:
    """For each consumer of the running code that handles this event."""
    interested = {consumer.name: consumer for consumer in all_consumers() if event.name in consumer.handlers}
    with connection.cursor() as cursor:
        cursor.execute(
            DELIVERIES,
            {
                "position": event.position,
                "partition": event.partition,
                "stream": event.stream,
                "id": str(event.id),
                "consumers": list(interested),
            },
        )
        rows = cursor.fetchall()
    return [_tell(interested[name].kind, name, *rest, event=event) for name, *rest in rows]


def _tell(
    kind: str, name: str, passed: bool, running: str | None, parked: UUID | None, state: str, first: int, *, event: Event
) -> Delivery:
    if parked is not None and passed:
        if first == event.position:
            return Delivery(name, kind, state, "it failed here", parked)
        return Delivery(name, kind, "behind", f"an earlier event of its stream, at {event.partition}-{first}, waits", parked)
    if passed:
        return Delivery(name, kind, "done")
    return Delivery(name, kind, "waiting", "the consumer is paused" if running == "paused" else "")


def failing(ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Which of these events keep a key waiting, and the parked key of each."""
    waiting = FailedEvent.objects.filter(parked__state__in=ParkedKey.WAITING, event_id__in=list(ids))
    return dict(waiting.values_list("event_id", "parked_id"))
