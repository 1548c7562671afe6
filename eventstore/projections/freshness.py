"""Read your writes: wait until a read table has seen a position."""

import time

from eventstore.delivery import reached
from eventstore.errors import EventStoreError
from eventstore.log import Position


class Lagging(EventStoreError):
    """Projection {name} has not reached {wanted} within {seconds} s; it is at {at}. Try again, or read without Min-Position."""


def wait_until(name: str, position: Position, seconds: float = 0.5) -> Position:
    """Wait until a projection has reached a position; return how far it is. Raises Lagging."""
    until = time.monotonic() + seconds
    pause = 0.004
    while not position.reached_by((at := reached(name)).heads):
        if time.monotonic() + pause > until:
            raise Lagging(name=name, wanted=position, seconds=seconds, at=at)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return at
