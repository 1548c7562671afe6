"""A tiny domain for tests of the event store: counters that are raised."""

from eventstore.messages import Aggregate, Event, Value, event


@event("test.raised")
class Raised(Event):
    """A counter went up."""

    by: int = 1
    note: str = ""


@event("test.noted")
class Noted(Event):
    """Somebody wrote something down."""

    text: str


class Count(Value):
    total: int = 0


def evolve(count: Count, event: Event) -> Count:
    return Count(total=count.total + event.by) if isinstance(event, Raised) else count


counters = Aggregate("counter", Count(), evolve)
