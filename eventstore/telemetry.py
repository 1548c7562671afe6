"""OpenTelemetry as the recorder of our spans. Imported only where it is installed: pip install 'daybook[otel]'."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TracerProvider, TraceState

from eventstore.tracing import Kind, Trace

KINDS = {kind.name.lower(): kind for kind in SpanKind}


class Recording:
    """One span, as eventstore/tracing.py wants it."""

    def __init__(self, span: otel.Span) -> None:
        self._span = span
        self.trace = _from(span.get_span_context())

    def entered(self) -> AbstractContextManager[Any]:
        # The error is noted by whoever entered, by its class alone: texts and tracebacks may quote a customer.
        return otel.use_span(self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False)

    def tell(self, attributes: Mapping[str, Any], name: str = "") -> None:
        self._span.set_attributes(attributes)
        if name:
            self._span.update_name(name)

    def fail(self, error: str) -> None:
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._span.end()


class OpenTelemetry:
    """Spans go to a TracerProvider, which decides by its sampler and has its exporters."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("daybook")

    def begin(self, name: str, kind: Kind, parent: Trace | None, links: Sequence[Trace], attributes: Mapping[str, Any]) -> Recording:
        linked = [otel.Link(_to(trace)) for trace in links]
        return Recording(
            self._tracer.start_span(name, context=_context(parent), kind=KINDS[kind], links=linked, attributes=dict(attributes))
        )

    def current(self) -> Trace | None:
        here = otel.get_current_span().get_span_context()
        return _from(here) if here.is_valid else None


def _context(parent: Trace | None) -> Context:
    """Where a span begins: an empty one begins a trace."""
    if parent is None:
        return Context()
    here = otel.get_current_span()
    if here.get_span_context().span_id == int(parent.span_id, 16):
        return otel.set_span_in_context(here)
    return otel.set_span_in_context(NonRecordingSpan(_to(parent)), Context())


def _from(context: SpanContext) -> Trace:
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags), context.trace_state.to_header())


def _to(trace: Trace) -> SpanContext:
    state = TraceState.from_header([trace.state]) if trace.state else None
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), True, TraceFlags(trace.flags), state)
