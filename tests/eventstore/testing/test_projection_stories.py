"""Stories of projections: in memory, through the handlers that the engine calls."""

import time
from datetime import UTC, datetime
from uuid import UUID

from django.test import SimpleTestCase

from eventstore.delivery import forget_consumer
from eventstore.projections import Projection
from eventstore.testing import ProjectionStory, assert_pure, recorded
from orders.events import OrderCancelled
from orders.projections import order_list, timeline
from tests.eventstore.examples import Noted, Raised
from tests.eventstore.projections.test_projections import Total
from tests.eventstore.testing.test_stories import Failing
from tests.orders.examples import ID, placed

cancelled = OrderCancelled(order_id=ID, reason="changed my mind")
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Telling(SimpleTestCase):
    def test_given_events_then_a_row(self):
        ProjectionStory(order_list).given(placed, cancelled).then_row(ID, status="cancelled", total=8400, version=2)

    def test_an_event_says_when_where_and_by_whom(self):
        story = ProjectionStory(timeline).given(recorded(placed, at=MONDAY, actor="user:ada", stream=f"order-{ID}"))
        story.then_row(UUID(int=1), actor="user:ada", happened_at=MONDAY, version=1)

    def test_a_row_that_is_otherwise_is_told_field_by_field(self):
        with Failing(self, ["Row 00000000-", "status: expected 'cancelled', was 'placed'", "total: expected 1, was 8400"]):
            ProjectionStory(order_list).given(placed).then_row(ID, status="cancelled", total=1, customer_ref="ada")

    def test_a_row_that_is_not_there(self):
        with Failing(self, ["Expected a row 7 of orders.order_list, but there is none.", f"Rows: {ID}"]):
            ProjectionStory(order_list).given(placed).then_row(7)
        ProjectionStory(order_list).given(placed).then_no_row(7)
        with Failing(self, ["but there is one"]):
            ProjectionStory(order_list).given(placed).then_no_row(ID)

    def test_a_misspelt_field_is_told_what_was_meant(self):
        with Failing(self, ["OrderSummary has no field totl, did you mean total?"]):
            ProjectionStory(order_list).given(placed).then_row(ID, totl=8400)

    def test_removed_rows_and_events_of_no_interest(self):
        totals = Projection("test.story", rows=Total, key=lambda event, envelope: envelope.stream)
        self.addCleanup(forget_consumer, "test.story")

        @totals.on(Raised)
        def add(row, event, envelope):
            row.total += event.by
            return row if event.by else None

        story = ProjectionStory(totals, stream="counter-1").given(Raised(by=2), Noted(text="not mine"), Raised(by=3))
        story.then_row("counter-1", total=5)
        story.given(Raised(by=0)).then_no_row("counter-1").given(Raised(by=1)).then_row("counter-1", total=1)
        assert_pure(totals, story.envelopes)

    def test_a_hundred_of_them_take_less_than_a_fifth_of_a_second(self):
        begun = time.process_time()
        for _ in range(100):
            ProjectionStory(order_list).given(placed, cancelled).then_row(ID, status="cancelled")
        self.assertLess(time.process_time() - begun, 0.2)
