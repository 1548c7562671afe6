"""The witness: writes down every event it is told of. Its table has no unique key, so a second telling shows."""

import os

from django.db import connection

from eventstore.delivery import Consumer
from eventstore.messages import Envelope, Event, registered_events

witness = Consumer("chaos.effects")


# This app is the last one, so every event of the house is registered by now.
@witness.on(*registered_events().values())
def write_down(event: Event, envelope: Envelope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO chaos_effect (event_id, stream, version, pid) VALUES (%s, %s, %s, %s)",
            [envelope.id, envelope.stream, envelope.version, os.getpid()],
        )
