"""The spans there are, with their names and attributes. Nothing of a payload, no keys of customers, no texts of errors.

Kinds and names follow OpenTelemetry's messaging conventions. An event's context of creation is the span in which it was appended:
that is what a message carries (kind producer), so sending it on is kind client, and whoever processes it is kind consumer.
A batch whose events belong to one trace is a child of it, so that one order is one trace to its last consumer. A batch of several
traces cannot be a child of all of them: it stands by itself and links to each, and what is done for a single one of
its events stands in that event's trace and links to the batch. What is delivered again, or was recorded long ago, belongs
to no trace that anybody still looks at: it links, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from eventstore.clock import now
from eventstore.messages import Envelope
from eventstore.tracing import Kind, Span, Trace, current_trace, recorder, trace_of, within

Open = AbstractContextManager[Span | None]

NOTHING: Open = nullcontext()
#: A trace is over then: backends have closed it, and it would grow for ever with each new consumer.
LIVE = timedelta(hours=1)
#: Requests that machines make every few seconds, or plain files: worth no span, and no line in the log.
UNREMARKABLE = ("/livez", "/readyz", "/metrics", "/static/")
LINKS = 128  #: what OpenTelemetry keeps of them by default
SYSTEM = {"messaging.system": "daybook", "messaging.destination.name": "events"}


def answering(request: HttpRequest, come: Trace | None) -> Open:
    """A request. Its route and status are told when they are known."""
    if (spans := recorder()) is None or request.path.startswith(UNREMARKABLE):
        return NOTHING
    told = {"http.request.method": request.method, "url.scheme": request.scheme, "url.path": request.path}
    return within(spans.begin(str(request.method), "server", come, (), told))


def appending() -> Span | None:
    """Events, from the first that is noted to COMMIT. Whoever noted them ends it."""
    if (spans := recorder()) is None:
        return None
    told = {"messaging.operation.name": "append", "messaging.operation.type": "create"}
    told |= {"db.system.name": "postgresql", "db.operation.name": "INSERT", "db.collection.name": "eventstore_event"}
    # The facts say on whose behalf, also where nobody opened a span for it: a shell, a task, a test.
    here, facts = spans.current(), current_trace()
    parent = here if here and (facts is None or facts.trace_id == here.trace_id) else facts
    return spans.begin("append events", "producer", parent, (), SYSTEM | told)


def relaying(partition: int, events: Sequence[Envelope]) -> Open:
    """A batch on its way from the log to its stream."""
    if recorder() is None:
        return NOTHING
    told = {"messaging.operation.name": "relay", "messaging.operation.type": "send"}
    return _about(events, "relay events", "client", _where(partition, events) | told)


def taking(consumer: str, partition: int, events: Sequence[Envelope], *, again: bool = False, attempt: int = 0) -> Open:
    """A consumer's step: a batch, or with `attempt` the events of a key that waited, with all that is done in its transaction."""
    if recorder() is None or not events:
        return NOTHING
    verb = "retry" if attempt else "process"
    told = {"messaging.operation.name": verb, "messaging.operation.type": "process", "messaging.consumer.group.name": consumer}
    told |= _where(partition, events) | ({"daybook.attempt": attempt} if attempt else {})
    return _about(events, f"{verb} {consumer}", "consumer", told, again=again)


def handling(consumer: str, event: Envelope, *, again: bool = False) -> Open:
    """One event in the hands of one function."""
    if recorder() is None:
        return NOTHING
    told = {"messaging.operation.name": "handle", "messaging.operation.type": "process", "messaging.consumer.group.name": consumer}
    told |= {"messaging.message.id": str(event.id), "messaging.message.conversation_id": event.correlation, "daybook.event": event.name}
    return _about((event,), f"handle {event.name}", "consumer", _where(event.partition, (event,)) | told, again=again)


def carrying_out(command: str, because: Envelope | None) -> Open:
    """A command that a saga sent; `because` is the step that sent it."""
    if recorder() is None or because is None:
        return NOTHING
    return _about((because,), command, "consumer", {"daybook.command": command})


def running(consumer: str, run: str) -> Open:
    """Some seconds of a run: a trace of its own."""
    if (spans := recorder()) is None:
        return NOTHING
    return within(spans.begin(f"run {consumer}", "internal", None, (), {"daybook.run": run, "messaging.consumer.group.name": consumer}))


def calling() -> Open:
    """A call to the outside: `tracing.headers()` names this span to whoever is called."""
    if (spans := recorder()) is None:
        return NOTHING
    return within(spans.begin("call", "client", spans.current(), (), {}))


def _where(partition: int, events: Sequence[Envelope]) -> dict[str, Any]:
    told = SYSTEM | {"messaging.destination.partition.id": str(partition)}
    return told | ({"messaging.batch.message_count": len(events)} if len(events) > 1 else {})


def _about(events: Sequence[Envelope], name: str, kind: Kind, told: Mapping[str, Any], again: bool = False) -> Open:
    """A span about recorded events; see above for where it stands."""
    spans = recorder()
    assert spans is not None
    here = spans.current()
    traces = {trace.span_id: trace for event in events if (trace := trace_of(event.facts))}
    alive = not again and events[0].recorded_at > now() - LIVE
    if not alive or len({trace.trace_id for trace in traces.values()}) != 1:
        return within(spans.begin(name, kind, here, _links(traces, here), told))
    first = next(iter(traces.values()))
    if here is not None and here.trace_id == first.trace_id:
        return within(spans.begin(name, kind, here, _links(traces, here), told))
    elsewhere = {here.span_id: here} if here else {}
    return within(spans.begin(name, kind, first, _links(traces | elsewhere, first), told))


def _links(traces: Mapping[str, Trace], parent: Trace | None) -> list[Trace]:
    """What a span is about beside its parent's trace; what nobody records leads nowhere."""
    known = parent.trace_id if parent else ""
    return [trace for trace in traces.values() if trace.sampled and trace.trace_id != known][:LINKS]
