"""The log as a feed for outside readers: resume with a cursor, wait for what comes next."""

from datetime import datetime
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db import connection
from msgspec import Meta, structs

from eventstore.api.doors import Answer, Question, reads
from eventstore.api.pages import ListQuery, Page, from_cursor, to_cursor
from eventstore.api.problems import Problem
from eventstore.api.schemas import Chosen, choose
from eventstore.api.views import ApiView
from eventstore.conf import conf
from eventstore.log import Position, current_position, read_feed
from eventstore.messages import Envelope, published

#: Seconds between two looks of a reader that waits: each costs one small query.
SHORTEST, LONGEST = 0.02, 0.25

#: Readers that wait at once in this process: a thread that waits serves nobody else. Whoever is too many gets an answer at once.
_places = BoundedSemaphore(conf().LONG_POLLS)


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it was recorded."""

    id: UUID
    name: str
    stream: str
    version: int
    schema_version: int
    position: str
    data: Any
    facts: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime
    form: Literal["recorded", "full", "notification"] = "recorded"


def show_event(envelope: Envelope) -> RecordedEvent:
    """An envelope as clients see it."""
    return RecordedEvent(
        id=envelope.id,
        name=envelope.name,
        stream=envelope.stream,
        version=envelope.version,
        schema_version=envelope.schema_version,
        position=str(Position({envelope.partition: envelope.position})),
        data=envelope.data,
        facts=envelope.facts,
        occurred_at=envelope.occurred_at,
        recorded_at=envelope.recorded_at,
    )


def show_published(envelope: Envelope, chosen: Chosen) -> RecordedEvent:
    """The same as it is published: a payload of one version, in one form, under its public name."""
    return structs.replace(
        show_event(envelope),
        name=chosen.name,
        schema_version=chosen.version,
        form=chosen.form,
        data=published(envelope, chosen.version, chosen.form),
    )


class EventsQuery(ListQuery):
    """Where to go on, what to see, how long to wait for it."""

    start: Annotated[Literal["beginning", "now"], Meta(description="Where to begin without a cursor.")] = "beginning"
    name: Annotated[str, Meta(max_length=2000, description="Names of events, separated by commas; all without it.")] | None = None
    schema_version: Annotated[int, Meta(ge=1, description="The published version to read; the newest without it.")] | None = None
    form: (
        Annotated[
            Literal["full", "notification"],
            Meta(description="Published events only, in this form. Without form and schema_version: all, as they were recorded."),
        ]
        | None
    ) = None
    wait: Annotated[int, Meta(ge=0, le=20, description="Seconds to wait when there is nothing yet.")] = 0


class EventsPage(Page, frozen=True, kw_only=True):
    """`next_cursor` is always there: keep it, and ask again from there. `has_more` says that asking at once may be worth it."""

    data: list[RecordedEvent]


class EventsView(ApiView):
    @reads(EventsQuery, scope="events:read", answer=EventsPage)
    def get(self, question: Question[EventsQuery]) -> Answer:
        """Read the events of all streams, in order for each stream."""
        query = question.query
        names = [name.strip() for name in (query.name or "").split(",") if name.strip()]
        chosen = choose(names, query.schema_version, query.form) if query.schema_version or query.form else {}
        names = list(chosen) or names
        found, reached = read_feed(_begin(query), query.limit, names)
        if not found and query.wait and _places.acquire(blocking=False):
            try:
                found, reached = _wait(reached, query, names)
            finally:
                _places.release()
        data = [show_published(envelope, chosen[envelope.name]) if chosen else show_event(envelope) for envelope in found]
        return Answer(body=EventsPage(data=data, next_cursor=to_cursor(str(reached)), has_more=len(found) == query.limit))


def _begin(query: EventsQuery) -> Position:
    if query.cursor is None:
        return Position({}) if query.start == "beginning" else current_position()
    try:
        return Position.parse(from_cursor(query.cursor))
    except ValueError as error:
        raise Problem("invalid_cursor") from error


def _wait(after: Position, query: EventsQuery, names: list[str]) -> tuple[list[Envelope], Position]:
    """Look again until something is there or the time is up. Between two looks the connection serves others."""
    until, pause = monotonic() + query.wait, SHORTEST
    found: list[Envelope] = []
    while not found and monotonic() + pause < until:
        if not connection.in_atomic_block:  # a test's transaction holds its connection
            connection.close()
        sleep(pause)
        pause = min(pause * 1.5, LONGEST)
        if current_position() != after:
            found, after = read_feed(after, query.limit, names)
    return found, after
