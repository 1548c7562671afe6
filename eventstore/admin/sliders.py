"""One version of a stream: the state after it, and how it differs from any other version's."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest

from eventstore.admin.histories import History, plain
from eventstore.errors import EventStoreError
from eventstore.log import read_stream
from eventstore.messages import Envelope
from eventstore.moments import Change, differences, parse, state_at, tell_until


class Stop(msgspec.Struct):
    """Where the slider stands."""

    at: int
    against: int  #: the version it is compared with; 0 is before the first event
    newest: int
    envelope: Envelope
    state: Any = None
    changes: list[Change] = []
    problem: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is compared with the version before, as long as nobody says otherwise."""
        return self.against == self.at - 1

    @property
    def places(self) -> list[tuple[str, str, int, str]]:
        """Where one may go from here: (id, label, version, address); an address is empty where one stands already."""
        ways = (("first", "First", 1), ("back", "‹ Back", self.at - 1), ("on", "On ›", self.at + 1), ("newest", "Newest", self.newest))
        return [(name, label, at, self.url(at) if 1 <= at <= self.newest and at != self.at else "") for name, label, at in ways]

    def url(self, at: int | None = None) -> str:
        """The address of a stop; a comparison that somebody chose stays."""
        told = {"at": self.at if at is None else at} | ({} if self.is_plain else {"against": self.against})
        return f"?{urlencode(told)}"


def stop(request: HttpRequest, history: History) -> Stop | None:
    """The stop that an address asks for, the newest version without one; None where nobody owns the stream."""
    if history.owner is None or not history.version:
        return None
    asked, problem = _number(request, "at"), ""
    if moment := request.GET.get("as_of", "").strip():
        try:
            asked = tell_until(history.stream, parse(moment, utc=True)).as_of.version
        except EventStoreError as error:
            problem = str(error)
    at = min(max(history.version if asked is None else asked, 1), history.version)
    other = _number(request, "against")
    against = at - 1 if other is None else min(other, history.version)
    (envelope,) = read_stream(history.stream, after=at - 1, limit=1)
    found = Stop(at, against, history.version, envelope, problem=problem)
    try:
        before, found.state = (plain(state_at(history.owner, history.stream, version)) for version in (against, at))
        found.changes = differences(before, found.state)
    except EventStoreError as error:
        found.problem = found.problem or str(error)
    return found


def _number(request: HttpRequest, name: str) -> int | None:
    told = request.GET.get(name, "").strip()
    return min(int(told[:10]), 2**31 - 1) if told.isascii() and told.isdecimal() else None
