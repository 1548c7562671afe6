"""A domain app of one door, for tests: counters that are raised over HTTP, as slowly or as badly as a test wants."""

import threading
from collections.abc import Callable
from typing import Annotated

from django.urls import include, path
from msgspec import Meta

from eventstore.api import Answer, ApiView, Query, Question, Wish, accepts, reads
from eventstore.errors import Refused
from eventstore.log import ANY, append, read_stream, unit_of_work
from eventstore.messages import Command
from tests.eventstore.examples import Raised


class Raise(Command):
    """Raise a counter."""

    counter: str
    by: Annotated[int, Meta(ge=1, le=1000)] = 1
    note: str = ""


class Counting:
    """What the doors below do; tests set it and put it back."""

    ceiling = 100
    during: Callable[[], None] | None = None  #: runs inside the transaction, after the events were noted
    carried_out = 0
    lock = threading.Lock()

    @classmethod
    def reset(cls) -> None:
        cls.ceiling, cls.during, cls.carried_out = 100, None, 0


@unit_of_work()
def handle(command: Raise) -> int:
    """Raise one counter; refuse what is above the ceiling."""
    with Counting.lock:
        Counting.carried_out += 1
    version = append(f"counter-{command.counter}", [Raised(by=command.by, note=command.note)], expected=ANY)
    if Counting.during is not None:
        Counting.during()
    if command.by > Counting.ceiling:
        raise Refused(f"{command.by} is above {Counting.ceiling}.", code="too_high", status=422, ceiling=str(Counting.ceiling))
    return version


class CounterView(ApiView):
    @accepts(Raise, scope="ops:write", status=201)
    def post(self, wish: Wish[Raise]) -> Answer:
        """Raise it."""
        version = handle(wish.command)
        return Answer(body={"version": version}, status=201, version=version, location=f"/api/test/counters/{wish.command.counter}")

    @reads(scope="ops:read")
    def get(self, question: Question[Query], counter: str) -> Answer:
        """How far it is."""
        found = read_stream(f"counter-{counter}")
        if Counting.during is not None:
            Counting.during()
        return Answer(body={"events": len(found)}, version=len(found))


urlpatterns = [path("api/test/counters/<slug:counter>", CounterView.as_view()), path("", include("config.urls"))]
