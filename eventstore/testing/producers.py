"""A producer for tests: events appended for real, with facts, without the aggregate that would have led to them."""

from datetime import datetime
from typing import Any

from eventstore.context import acting
from eventstore.log import ANY, append, read_stream, unit_of_work
from eventstore.messages import Envelope, Event


def produce(stream: str, *events: Event, occurred_at: datetime | None = None, **facts: Any) -> list[Envelope]:
    """Append these events to a stream in one unit of work; return them as recorded.

    Facts are actor, causation, correlation and whatever else their readers look at.
    """
    with acting(**facts), unit_of_work() as work:
        version = append(stream, events, expected=ANY, occurred_at=occurred_at)
    if events and work.position is None:
        raise AssertionError("produce() was called inside a unit of work: nothing is recorded before that ends. Call it outside.")
    return read_stream(stream, after=version - len(events))
