"""The witness: writes down every event it is told of. Its table has no unique key, so a second telling shows."""

import os
import time

from django.db import connection

from eventstore.delivery import Consumer
from eventstore.messages import Envelope, Event, registered_events

witness = Consumer("chaos.effects")


#: Now and then it is slow, as consumers are: something waits when a fault comes, and two that take the same event meet.
EVERY, SLOW = 16, 0.1


# This app is the last one, so every event of the house is registered by now.
@witness.on(*registered_events().values())
def write_down(event: Event, envelope: Envelope) -> None:
    if envelope.position % EVERY == 0:
        time.sleep(SLOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO chaos_effect (event_id, stream, version, pid) VALUES (%s, %s, %s, %s)",
            [envelope.id, envelope.stream, envelope.version, os.getpid()],
        )
