"""One event handled in a savepoint: it takes effect whole or not at all, what it appended included."""

from django.db import InterfaceError, OperationalError

from eventstore.delivery.consumers import Consumer
from eventstore.errors import LogHole
from eventstore.faults import step
from eventstore.log import savepoint
from eventstore.messages import Envelope

#: Not a handler's fault, and not cured by parking: the database went away. The step simply did not happen.
BROKEN = (OperationalError, InterfaceError, LogHole)


def attempt(consumer: Consumer, envelope: Envelope) -> Exception | None:
    """Handle one event in a savepoint; return what went wrong."""
    try:
        with savepoint():
            consumer.handle([envelope])
            step("attempt.handled")
    except BROKEN:
        raise
    except Exception as error:  # whatever a handler raises is recorded with the parked key
        return error
    return None
