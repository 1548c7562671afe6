"""manage.py projections and rebuild: read tables by hand."""

from unittest.mock import patch

from django.db import OperationalError
from django.test import TestCase
from msgspec.structs import replace

from eventstore import health
from eventstore.clock import new_id
from eventstore.events import OPERATIONS
from eventstore.log import read_stream
from eventstore.models import ConsumerState
from orders.handlers import handle
from orders.models import OrderSummary
from tests.eventstore.delivery.recording import execute
from tests.eventstore.management.calling import Called
from tests.orders.examples import place as wish


def place() -> None:
    handle(replace(wish, order_id=new_id()))


class Projections(TestCase):
    def test_they_are_listed_with_their_tables_and_lag(self):
        place()
        found = {row["name"]: row for row in Called("projections", "--json").json}
        row = found["orders.order_list"]
        self.assertEqual((row["tables"], row["state"], row["lag_events"]), (["orders_ordersummary"], "running", 1))
        self.assertLess(row["lag_seconds"], 60)
        self.assertRegex(Called("projections").out, r"orders\.order_list +running +1 ")

    def test_rebuild_folds_the_log_again(self):
        place()
        place()
        OrderSummary.objects.all().delete()
        called = Called("rebuild", "orders.order_list", "--reason", "it was empty", "--json")
        self.assertEqual((called.code, called.json["name"], called.json["parked"]), (0, "orders.order_list", 0))
        self.assertEqual(OrderSummary.objects.count(), 2)
        self.assertEqual(getattr(read_stream(OPERATIONS)[-1].event, "reason"), "it was empty")  # noqa: B009 - the union has many

    def test_rebuild_ends_with_findings_when_events_failed(self):
        place()
        with patch("orders.projections.order_list.handle", side_effect=ValueError("no")):
            called = Called("rebuild", "orders.order_list", "--json")
        self.assertEqual((called.code, called.json["parked"]), (3, 1))

    def test_a_paused_projection_is_left_as_it_is(self):
        place()
        Called("rebuild", "orders.order_list")
        ConsumerState.objects.filter(name="orders.order_list").update(state="paused")
        called = Called("rebuild", "orders.order_list")
        self.assertEqual(called.code, 1)
        self.assertIn("is paused", called.complaint)
        self.assertEqual(OrderSummary.objects.count(), 1)

    def test_a_misspelt_name_is_told_what_was_meant(self):
        called = Called("rebuild", "orders.orderlist")
        self.assertEqual(called.code, 2)
        self.assertIn("Did you mean orders.order_list?", called.complaint)

    def test_without_a_database_there_is_a_sentence(self):
        with patch.object(health, "consumers", side_effect=OperationalError("connection refused\n")):
            called = Called("projections")
        self.assertEqual((called.code, called.complaint), (1, "PostgreSQL did not answer: connection refused"))

    def test_a_projection_that_was_never_laid_out_says_what_to_run(self):
        execute("DELETE FROM eventstore_consumerstate WHERE name = 'orders.order_list'")
        self.assertIn("run manage.py migrate", Called("rebuild", "orders.order_list").complaint)
