"""The story of one stream: each event, who and why, and what it made of the state."""

from typing import Any

import msgspec

from eventstore.console.screens import CHAPTERS
from eventstore.errors import UnknownEvent, UnreadableEvent
from eventstore.log import read_stream
from eventstore.messages import Aggregate, Envelope, aggregate_of
from eventstore.models import Event
from eventstore.moments import Change, differences, state_at


class Chapter(msgspec.Struct, frozen=True):
    """One version of a stream: the event, and the state after it."""

    envelope: Envelope
    data: Any
    state: Any  #: as JSON values; None when nobody owns the stream or an event could not be read
    changes: list[Change]
    problem: str = ""  #: why the state ends here


class History(msgspec.Struct, frozen=True):
    """One page of a stream's story, oldest first."""

    stream: str
    version: int  #: of the newest event
    chapters: list[Chapter]
    owner: Aggregate | None

    @property
    def first(self) -> int:
        return self.chapters[0].envelope.version if self.chapters else 0

    @property
    def last(self) -> int:
        return self.chapters[-1].envelope.version if self.chapters else 0

    @property
    def before(self) -> int | None:
        """The version that the page before this one begins with."""
        return max(1, self.first - CHAPTERS) if self.first > 1 else None

    @property
    def after(self) -> int | None:
        return self.last + 1 if self.last < self.version else None


def version_of(stream: str) -> int:
    """The version of a stream as readers see it, 0 when it has none."""
    return Event.objects.filter(stream=stream).order_by("-version").values_list("version", flat=True).first() or 0


def tell(stream: str, start: int | None = None) -> History:
    """A page of the story, beginning at a version; without one, the newest page."""
    version, owner = version_of(stream), aggregate_of(stream)
    start = (max(version, 1) - 1) // CHAPTERS * CHAPTERS + 1 if start is None else max(1, start)
    state: Any = None
    problem = ""
    if owner is not None:
        try:
            state = state_at(owner, stream, start - 1)
        except (UnknownEvent, UnreadableEvent) as error:
            problem = str(error)
    chapters = []
    for envelope in read_stream(stream, after=start - 1, limit=CHAPTERS):
        before = plain(state)
        if owner is not None and not problem:
            try:
                state = owner.fold([envelope.event], state)
            except (UnknownEvent, UnreadableEvent) as error:
                problem = str(error)
        after = plain(state) if owner is not None and not problem else None
        changes = differences(before, after) if after is not None else []
        chapters.append(Chapter(envelope, msgspec.json.decode(envelope.data), after, changes, problem))
    return History(stream=stream, version=version, chapters=chapters, owner=owner)


def plain(state: Any) -> Any:
    """A state as JSON values."""
    return None if state is None else msgspec.to_builtins(state)
