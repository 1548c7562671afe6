"""One order is one trace, from the request of another service to the last consumer; what is of several traces links to them."""

import threading
from datetime import timedelta
from typing import Any
from unittest import mock

from django.test import TestCase
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from eventstore import runs, spans, tracing
from eventstore.context import acting
from eventstore.delivery import Consumer, Retry, drain, effect, forget_consumer, lay_out, relay_partition, transport
from eventstore.log import ANY, append, partition_of, read_correlation, read_stream, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import ParkedKey
from eventstore.runs.selections import Selection
from eventstore.sagas import saga_id
from eventstore.telemetry import OpenTelemetry
from eventstore.testing import deliver_everything
from orders.events import OrderPlaced
from tests.clients import ApiCase
from tests.eventstore.examples import Noted, Raised
from tests.eventstore.sagas import trips

ORDER: dict[str, Any] = {"currency": "JPY", "customer_ref": "lovelace", "lines": [{"sku": "TEAPOT", "quantity": 2, "unit_price": "450"}]}
TRACE_ID, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
COME = f"00-{TRACE_ID}-{CALLER}-01"


class Recorded:
    """Spans as they ended, to look at."""

    def __init__(self, test: TestCase, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False, **options)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracing.record_with(OpenTelemetry(provider))
        test.addCleanup(tracing.record_with, None)

    @property
    def all(self) -> list[ReadableSpan]:
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def forget(self) -> None:
        self.exporter.clear()


def span_id(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


def trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def parent(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def links(span: ReadableSpan) -> set[str]:
    return {f"{link.context.trace_id:032x}" for link in span.links}


class Traced(ApiCase):
    def setUp(self):
        super().setUp()
        transport().flush()
        self.failing = False
        self.called: list[dict[str, str]] = []
        welcome = Consumer("test.welcome", retry=Retry(attempts=3, first=timedelta(0)), replay="allow")
        self.addCleanup(forget_consumer, "test.welcome")

        @welcome.on(OrderPlaced)
        def write(event: OrderPlaced, envelope: Envelope) -> None:
            if self.failing:
                raise LookupError("ada@example.org is in no address book")
            append(f"note-{event.order_id}", [Noted(text="welcome")], expected=ANY)
            effect(f"mail:{envelope.id}:{len(self.called)}", self.call)

        self.welcome = welcome
        lay_out()
        beside = mock.patch("eventstore.delivery.effects._beside", side_effect=lambda *_: [("x",)])
        beside.start()
        self.addCleanup(beside.stop)
        self.spans = Recorded(self)

    def call(self) -> dict[str, str]:
        self.called.append(tracing.headers())
        return {}

    def place(self, **headers: str) -> Any:
        answer = self.api.send("/api/v1/orders", ORDER, **headers)
        self.assertEqual(answer.status_code, 201, answer.content)
        return answer


class OneTrace(Traced):
    def test_from_the_request_of_another_service_to_the_last_consumer(self):
        answer = self.place(traceparent=COME, tracestate="till=7", x_correlation_id="story")
        deliver_everything()
        request, append_placed = self.spans.one("POST /api/v1/orders"), self.spans.named("append events")[0]
        self.assertEqual({trace_id(span) for span in self.spans.all}, {TRACE_ID}, "one trace")
        # HTTP -> append
        self.assertEqual((parent(request), request.kind), (CALLER, SpanKind.SERVER))
        self.assertEqual((parent(append_placed), append_placed.kind), (span_id(request), SpanKind.PRODUCER))
        self.assertEqual(answer["Server-Timing"], f'traceparent;desc="00-{TRACE_ID}-{span_id(request)}-01"')
        # what the event carries is where it was appended: relay and consumers descend from there
        (placed, noted) = read_correlation("story")
        self.assertEqual(placed.facts["trace"], f"00-{TRACE_ID}-{span_id(append_placed)}-01")
        self.assertEqual(placed.facts["tracestate"], "till=7")
        relays = self.spans.named("relay events")
        self.assertEqual((parent(relays[0]), relays[0].kind), (span_id(append_placed), SpanKind.CLIENT))
        step = self.spans.one("process test.welcome")
        self.assertEqual((parent(step), step.kind), (span_id(append_placed), SpanKind.CONSUMER))
        projected = self.spans.one("process orders.order_list")
        self.assertEqual((parent(projected), projected.kind), (span_id(append_placed), SpanKind.CONSUMER))
        handled = self.spans.one("handle orders.order_placed")
        self.assertEqual(parent(handled), span_id(step))
        # consumer -> its own event -> relay
        append_noted = self.spans.named("append events")[1]
        self.assertEqual(parent(append_noted), span_id(handled))
        self.assertEqual(noted.facts["trace"], f"00-{TRACE_ID}-{span_id(append_noted)}-01")
        self.assertEqual(parent(relays[1]), span_id(append_noted))
        # consumer -> the outside
        call = self.spans.one("call")
        self.assertEqual((parent(call), call.kind), (span_id(handled), SpanKind.CLIENT))
        self.assertEqual(self.called, [{"traceparent": f"00-{TRACE_ID}-{span_id(call)}-01", "tracestate": "till=7"}])

    def test_without_a_trace_from_outside_the_request_begins_one(self):
        self.place()
        deliver_everything()
        self.assertEqual(len({trace_id(span) for span in self.spans.all}), 1)
        self.assertEqual(parent(self.spans.one("POST /api/v1/orders")), "")

    def test_attributes_are_those_of_the_conventions_and_nothing_of_a_payload(self):
        answer = self.place()
        deliver_everything()
        told = dict(self.spans.one("POST /api/v1/orders").attributes or {})
        self.assertEqual(
            (told["http.request.method"], told["http.route"], told["http.response.status_code"]), ("POST", "/api/v1/orders", 201)
        )
        appended = dict(self.spans.named("append events")[0].attributes or {})
        self.assertEqual((appended["db.system.name"], appended["messaging.operation.type"]), ("postgresql", "create"))
        handled = dict(self.spans.one("handle orders.order_placed").attributes or {})
        (placed,) = read_stream(f"order-{answer.json()['id']}")
        expected = {
            "messaging.system": "daybook",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": "test.welcome",
            "messaging.message.id": str(placed.id),
            "messaging.destination.partition.id": str(placed.partition),
        }
        self.assertLessEqual(expected.items(), handled.items())
        everything = " ".join(span.to_json() for span in self.spans.all)
        for secret in ("lovelace", "TEAPOT"):
            self.assertNotIn(secret, everything)

    def test_probes_and_refusals(self):
        self.client.get("/livez")
        self.assertEqual(self.spans.all, [])
        self.client.get("/api/v1/nowhere")
        (refused,) = self.spans.all
        self.assertEqual((refused.name, refused.status.status_code), ("GET", StatusCode.UNSET), "a client's mistake is no error of ours")

    def test_a_trace_that_nobody_samples_is_not_recorded_anywhere_and_still_carried(self):
        spans_ = Recorded(self, sampler=ParentBased(TraceIdRatioBased(1)))
        self.place(traceparent=COME[:-1] + "0", x_correlation_id="story")
        deliver_everything()
        self.assertEqual(spans_.all, [])
        for envelope in read_correlation("story"):
            self.assertTrue(envelope.facts["trace"].startswith(f"00-{TRACE_ID}-"))
            self.assertTrue(envelope.facts["trace"].endswith("-00"))


class Processes(Traced):
    def test_a_saga_goes_on_in_the_trace_of_what_began_it(self):
        trips.declare(self)
        with acting(trace=COME, correlation="story"):
            trips.book("a")
        self.spans.forget()
        deliver_everything()
        self.assertEqual({tracing.read(envelope.facts["trace"]).trace_id for envelope in read_correlation("story")[1:]} - {TRACE_ID}, set())
        carried_out = self.spans.one("test.reserve_seat")
        stepped = read_stream(f"saga-{saga_id('test.trip', 'a')}")[0]
        self.assertEqual(parent(carried_out), tracing.read(stepped.facts["trace"]).span_id)
        (reserved,) = read_stream("seat-a")
        self.assertIn(
            tracing.read(reserved.facts["trace"]).span_id, {span_id(s) for s in self.spans.all if parent(s) == span_id(carried_out)}
        )


class Failures(Traced):
    def test_each_attempt_is_a_span_of_the_same_trace_and_tells_the_class_of_the_error_alone(self):
        self.failing = True
        self.place(traceparent=COME)
        deliver_everything()
        retries = self.spans.named("retry test.welcome")
        self.assertEqual([dict(span.attributes or {})["daybook.attempt"] for span in retries], [2, 3])
        for span in (*retries, *self.spans.named("handle orders.order_placed")):
            self.assertEqual((span.status.status_code, dict(span.attributes or {})["error.type"]), (StatusCode.ERROR, "LookupError"))
            self.assertEqual(trace_id(span), TRACE_ID)
            self.assertEqual((span.events, span.status.description), ((), None))
        self.assertNotIn("ada@", " ".join(span.to_json() for span in self.spans.all))
        self.assertEqual(ParkedKey.objects.get().state, "dead")

    def test_what_was_taken_back_is_an_append_that_failed(self):
        with self.assertRaises(ZeroDivisionError), unit_of_work():
            append("counter-1", [Raised()], expected=ANY)
            raise ZeroDivisionError
        self.assertEqual(self.spans.one("append events").status.status_code, StatusCode.ERROR)


class Batches(Traced):
    def two(self) -> str:
        """Two orders of one partition, by two callers."""
        other = "1" * 32
        first = self.place(traceparent=COME, x_correlation_id="story").json()["id"]
        lane = partition_of(f"order-{first}")
        with acting(trace=f"00-{other}-{CALLER}-01", correlation="other"), unit_of_work():
            same = next(f"order-{n}" for n in range(1000) if partition_of(f"order-{n}") == lane)
            append(same, [read_stream(f"order-{first}")[0].event], expected=ANY)
        self.lane = lane
        self.spans.forget()
        return other

    def test_a_batch_of_several_traces_stands_by_itself_and_links_to_each(self):
        self.two()
        relay_partition(self.lane)
        relay = self.spans.one("relay events")
        self.assertEqual(parent(relay), "")
        self.assertEqual(len(links(relay)), 2)
        self.assertNotIn(trace_id(relay), links(relay))
        self.assertEqual(dict(relay.attributes or {})["messaging.batch.message_count"], 2)

    def test_what_is_done_for_one_of_them_is_in_its_trace_and_links_to_the_batch(self):
        self.two()
        relay_partition(self.lane)
        drain(self.welcome, self.lane)
        step = self.spans.one("process test.welcome")
        first, second = self.spans.named("handle orders.order_placed")
        self.assertEqual(len({trace_id(step), trace_id(first), trace_id(second)}), 3)
        self.assertEqual((links(first), links(second)), ({trace_id(step)}, {trace_id(step)}))
        self.assertEqual(trace_id(first), TRACE_ID)
        (_, follows) = read_correlation("story")
        self.assertIn(TRACE_ID, follows.facts["trace"], "its events go on in its trace")

    def test_what_was_recorded_long_ago_is_linked_to_and_does_not_grow(self):
        self.place(traceparent=COME)
        self.spans.forget()
        with mock.patch.object(spans, "LIVE", timedelta(0)):
            deliver_everything()
        self.assertNotIn(TRACE_ID, {trace_id(span) for span in self.spans.named("process test.welcome")})
        self.assertEqual(links(self.spans.one("process test.welcome")), {TRACE_ID})


class Runs(Traced):
    def test_a_run_is_a_trace_of_its_own_that_links_to_those_of_its_events(self):
        self.place(traceparent=COME, x_correlation_id="story")
        deliver_everything()
        self.spans.forget()
        run = runs.replay("test.welcome", Selection(), reason="lost", effects="run")
        if run.state != "running":
            with acting(actor="user:second"):
                run = runs.change(run.pk, "approve", "yes")
        runs.drive(run.pk)
        driven, step = self.spans.one("run test.welcome"), self.spans.one("process test.welcome")
        self.assertEqual((parent(driven), parent(step)), ("", span_id(driven)))
        self.assertNotEqual(trace_id(driven), TRACE_ID)
        self.assertEqual(links(step), {TRACE_ID})
        handled = self.spans.one("handle orders.order_placed")
        self.assertEqual((parent(handled), links(handled)), (span_id(step), {TRACE_ID}))
        again = read_correlation("story")[-1]
        self.assertEqual((again.name, tracing.read(again.facts["trace"]).trace_id), ("test.noted", trace_id(driven)))


class Elsewhere(Traced):
    def test_another_thread_is_in_no_span_of_ours(self):
        seen = []
        with spans.calling():
            thread = threading.Thread(target=lambda: seen.append(tracing.recorder().current()))
            thread.start()
            thread.join()
        self.assertEqual(seen, [None])
