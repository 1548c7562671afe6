"""W3C trace context: which trace a call belongs to, in and out. Works without OpenTelemetry.

A trace that came in is carried on in the facts `trace` (a traceparent) and `tracestate` of every event that it leads to, through
consumers and their events, into Celery's hints and into calls to the outside. Spans are recorded by whoever is given to
`record_with` (eventstore/telemetry.py does that for OpenTelemetry). Nobody there: the trace passes through as it came,
which is what the standard has for services that record nothing, and no trace is begun that nobody could look at.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

import msgspec

from eventstore.context import current_facts, in_trace

Kind = Literal["server", "client", "producer", "consumer", "internal"]

# A version that we do not know may have more behind its flags; ff is none. Ids of zeros are none either.
_parent = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_member = re.compile(r"([a-z0-9][a-z0-9_*/@-]{0,255})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])", re.ASCII)
KNOWN_FLAGS = 0b11  #: sampled, and that the trace's id is random; the others must not be passed on
MEMBERS, LONGEST_STATE, LONG_MEMBER = 32, 512, 128


class Trace(msgspec.Struct, frozen=True):
    """A place in a trace: the span that what follows descends from."""

    trace_id: str
    span_id: str
    flags: int = 0
    state: str = ""

    @property
    def parent(self) -> str:
        """The traceparent header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def sampled(self) -> bool:
        return bool(self.flags & 1)

    @property
    def facts(self) -> dict[str, str]:
        """As facts of events."""
        return {"trace": self.parent} | ({"tracestate": self.state} if self.state else {})


def read(parent: str, state: str = "") -> Trace | None:
    """The trace of two headers; None when traceparent is not exactly as the standard says. A wrong tracestate is dropped alone."""
    found = _parent.fullmatch(parent.strip(" \t"))
    if found is None or (found[1] == "00" and found[5]):
        return None
    flags = int(found[4], 16) & (KNOWN_FLAGS if found[1] == "00" else 1)
    return Trace(found[2], found[3], flags, _read_state(state) if state else "")


def _read_state(told: str) -> str:
    members = [member for member in (member.strip(" \t") for member in told.split(",")) if member]
    keys = [found[1] for member in members if (found := _member.fullmatch(member))]
    if not len(members) == len(keys) == len(set(keys)) <= MEMBERS:
        return ""
    # Too long for the facts of an event: first the long members go, then the last ones.
    while len(",".join(members)) > LONGEST_STATE:
        members.remove(next((member for member in reversed(members) if len(member) > LONG_MEMBER), members[-1]))
    return ",".join(members)


def trace_of(facts: Mapping[str, Any]) -> Trace | None:
    """The trace that an event was recorded in, from its facts."""
    parent = facts.get("trace")
    return read(parent, str(facts.get("tracestate", ""))) if isinstance(parent, str) else None


def current_trace() -> Trace | None:
    """The trace of this call."""
    return trace_of(current_facts())


def headers() -> dict[str, str]:
    """The headers that carry this call's trace to whoever is called next: give them to requests made within `effect`."""
    facts = current_facts()
    names = {"trace": "traceparent", "tracestate": "tracestate"}
    return {header: facts[fact] for fact, header in names.items() if fact in facts}


class Span(Protocol):
    """A stretch of work that is being recorded."""

    @property
    def trace(self) -> Trace:
        """The place of this span: what it leads to descends from it."""

    def entered(self) -> AbstractContextManager[Any]:
        """Make it the current span for a while."""

    def tell(self, attributes: Mapping[str, Any], name: str = "") -> None:
        """What was not known when it began."""

    def fail(self, error: str) -> None:
        """What kind of error ended it. Never its text: that may quote anything."""

    def end(self) -> None:
        """The work is done."""


class Recorder(Protocol):
    """Whoever keeps spans."""

    def begin(self, name: str, kind: Kind, parent: Trace | None, links: Sequence[Trace], attributes: Mapping[str, Any]) -> Span:
        """Begin a span; without a parent it begins a trace."""

    def current(self) -> Trace | None:
        """The span that this thread is in, if there is one."""


_recorder: Recorder | None = None


def record_with(recorder: Recorder | None) -> None:
    """Have spans recorded in this process from now on, or no more."""
    global _recorder
    _recorder = recorder


def recorder() -> Recorder | None:
    """Whoever records spans in this process; None costs next to nothing."""
    return _recorder


@contextmanager
def within(span: Span) -> Iterator[Span]:
    """Work that is this span: events, hints and calls carry it; an error is noted by its class and goes on."""
    try:
        with span.entered(), in_trace(span.trace.facts):
            yield span
    except BaseException as error:
        span.fail(type(error).__qualname__)
        raise
    finally:
        span.end()
