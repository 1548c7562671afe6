"""The witnesses: they write down every event they are told of. Their tables have no unique key, so a second telling shows."""

import os
import time
from datetime import timedelta

from django.db import connection

from eventstore.clock import now
from eventstore.context import current_facts
from eventstore.delivery import Consumer, Retry
from eventstore.messages import Envelope, Event, registered_events

witness = Consumer("chaos.effects", retry=Retry(attempts=20, first=timedelta(seconds=0.5), longest=timedelta(seconds=2)))
#: Told again by replays only; each run of it must tell every event it counted once.
again = Consumer("chaos.again", replay="allow")

#: Some events fail until they are this old: their keys are parked, line up, and come back in order.
FAILING, YOUNG = 23, timedelta(seconds=2)

#: Now and then it is slow, as consumers are: something waits when a fault comes, and two that take the same event meet.
EVERY, SLOW = 32, 0.25


# This app is the last one, so every event of the house is registered by now.
@witness.on(*registered_events().values())
def write_down(event: Event, envelope: Envelope) -> None:
    if envelope.position % EVERY == 0:
        time.sleep(SLOW)
    if envelope.position % FAILING == 0 and now() - envelope.recorded_at < YOUNG:
        raise RuntimeError("not yet")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO chaos_effect (event_id, stream, version, pid) VALUES (%s, %s, %s, %s)",
            [envelope.id, envelope.stream, envelope.version, os.getpid()],
        )


@again.on(*registered_events().values())
def write_down_again(event: Event, envelope: Envelope) -> None:
    if run := current_facts().get("replay"):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO chaos_again (run, event_id) VALUES (%s, %s)", [run, envelope.id])
