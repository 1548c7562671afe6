"""A projection that cheats is caught: by the check that reads its code, and by the proof that folds twice."""

import random

from django.test import TestCase

from eventstore.checks import projections_are_pure
from eventstore.clock import now
from eventstore.delivery import all_consumers, forget_consumer
from eventstore.log import read_stream
from eventstore.projections import Projection, ProjectionCheats, all_projections
from eventstore.testing import assert_pure, deliver_everything
from orders.events import OrderPlaced
from orders.handlers import handle
from orders.models import OrderSummary
from tests.eventstore.delivery.recording import record
from tests.eventstore.examples import Raised
from tests.eventstore.projections.test_projections import Total, declare
from tests.orders.examples import place


class Cheating(TestCase):
    def cheat(self, handler):
        projection = Projection("test.cheat", rows=Total, key=lambda event, envelope: envelope.stream)
        self.addCleanup(forget_consumer, "test.cheat")
        projection.on(Raised)(handler)
        record("counter-1", 3)
        return projection, read_stream("counter-1")

    def assertCaught(self, handler, kind, proof):
        projection, events = self.cheat(handler)
        with self.subTest(kind):
            told = [warning.msg for warning in projections_are_pure() if "test.cheat" in warning.msg]
            self.assertTrue(any(kind in message for message in told), told)
            with self.assertRaisesMessage(ProjectionCheats, proof):
                assert_pure(projection, events)

    def test_a_clock(self):
        def handler(row, event, envelope):
            row.total = now().year
            return row

        self.assertCaught(handler, "a clock", "total came out differently the second time")

    def test_dice(self):
        def handler(row, event, envelope):
            row.total = random.randint(1, 10**9)
            return row

        self.assertCaught(handler, "dice", "total came out differently the second time")

    def test_other_tables(self):
        def handler(row, event, envelope):
            row.total = OrderSummary.objects.count()
            return row

        self.assertCaught(handler, "other tables", "it asked the database")

    def test_an_honest_one_passes(self):
        declare(self)
        record("counter-2", 3)
        assert_pure(next(p for p in all_consumers() if p.name == "test.totals"), read_stream("counter-2"))


class OurOwn(TestCase):
    def test_no_projection_of_ours_is_suspected(self):
        self.assertEqual(projections_are_pure(), [])

    def test_the_projections_of_orders_are_proved(self):
        order = handle(place)
        deliver_everything()
        events = read_stream(order.stream)
        self.assertTrue(any(isinstance(envelope.event, OrderPlaced) for envelope in events))
        for projection in all_projections():
            if projection.name.startswith("orders."):
                assert_pure(projection, events)
