"""Who is acting and because of what: the facts that every event of this call will carry.

Every event says who (actor), why (causation: the event or the request that led to it; `command`, if it was one) and which story
it belongs to (correlation: the same for all that follows from one beginning). Each door sets them, nobody else has to:

| Door | actor | causation | correlation |
|---|---|---|---|
| REST (api/middleware.py, api/doors.py) | key:NAME | the request, X-Request-Id | X-Correlation-Id, else the request |
| a button of the console (console/acts.py) | staff:NAME | the event that one looked at, else the request | that event's, else the request |
| a verb on a dead letter or an effect (delivery/) | whoever asks | the event that failed or was answered | that event's |
| a consumer | consumer:NAME | the event | the event's |
| a saga's step, and its commands | saga:NAME | the event; the step that sent it | the saga's |
| a deadline of a saga that passed | system:deadlines | the step that set it | the saga's |
| an approval nobody decided in time | system:approvals | what changed its subject, or what was told of it | the approval's |
| an alert of a rule | system:alerts; consumer:NAME clears it | the event that nothing followed; the one that came | that event's |
| a retry, a redrive, a replay of these | consumer:NAME | the event, not who tried again | the event's |
| a run (runs/) | whoever asks | what was told of the run before | the run's id |
| the command line (management/) | shell:ACCOUNT | this call, an id of its own | this call |
| a task of the timetable (tasks.py) | system:beat | nothing but time | one a unit of work |
| a task that a hint woke | system:worker | nothing | one a unit of work |
| a channel, the demo | channel:NAME, seed | this call | the document's number |

An event that nobody says anything about (a shell, a test) has the actor `system`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

NOBODY = "system"  #: who acted when no door said so

#: What belongs to one act alone, and not to what consumers make of its events.
OF_ONE_ACT = frozenset({"command", "command_id", "idempotency_key", "reason", "reverses"})
TRACE = ("trace", "tracestate")

_facts: ContextVar[dict[str, Any]] = ContextVar("daybook_facts", default={})  # noqa: B039 - never mutated, only replaced


@contextmanager
def acting(**facts: Any) -> Iterator[None]:
    """Add facts (actor, causation, correlation, idempotency_key, trace, request, reason) for a while; None adds nothing."""
    token = _facts.set(_facts.get() | {name: value for name, value in facts.items() if value is not None})
    try:
        yield
    finally:
        _facts.reset(token)


@contextmanager
def following(event_id: object, facts: Mapping[str, Any], *, actor: str) -> Iterator[None]:
    """Act because of a recorded event with these facts: its story goes on, in its trace, whoever made us look at it.

    What belongs to the act around us (its reason, its Idempotency-Key) stays outside.
    """
    story = {name: facts[name] for name in TRACE if name in facts}
    story |= {"actor": actor, "causation": str(event_id), "correlation": str(facts.get("correlation") or event_id)}
    around = _facts.get()
    kept = {name: value for name, value in around.items() if name not in OF_ONE_ACT and name not in TRACE} if around else around
    token = _facts.set(kept | story)
    try:
        yield
    finally:
        _facts.reset(token)


@contextmanager
def in_trace(trace: Mapping[str, str]) -> Iterator[None]:
    """Exchange the facts about the trace for a while."""
    token = _facts.set({name: value for name, value in _facts.get().items() if name not in TRACE} | dict(trace))
    try:
        yield
    finally:
        _facts.reset(token)


def current_facts() -> dict[str, Any]:
    """The facts in force, outermost first."""
    return _facts.get()


def person(actor: str) -> str:
    """Who stands behind an actor: user:ada, shell:ada and the API key of the name ada are one pair of eyes."""
    return actor.partition(":")[2] or actor


def facts_to_record(unit: str) -> dict[str, Any]:
    """The facts of an event that is noted now. A unit of work that belongs to no story is one of its own, under this id."""
    facts = _facts.get()
    told = {"actor": NOBODY, "correlation": unit} | facts
    if "causation" not in told and "request" in told:
        told["causation"] = told["request"]
    return told
