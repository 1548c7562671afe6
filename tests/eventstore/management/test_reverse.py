"""manage.py reverse: a dry run says what would follow or why not; the real thing does it once."""

from django.test import TestCase

from eventstore.clock import new_id
from eventstore.log import read_stream
from orders.commands import UpdateOrder
from orders.domain import orders
from orders.handlers import handle
from tests.eventstore.management.calling import Called
from tests.orders.examples import ID, place


class Reverse(TestCase):
    def setUp(self):
        handle(place)
        self.placed = str(read_stream(orders.stream(ID))[0].id)

    def test_a_dry_run_changes_nothing(self):
        called = Called("reverse", self.placed, "--dry-run")
        self.assertEqual(called.code, 0, called.complaint)
        for words in ("orders.order_placed, version 1", "by orders.cancel_order", "orders.order_cancelled would follow"):
            self.assertIn(words, called.out)
        told = Called("reverse", self.placed, "--dry-run", "--reason", "twice", "--json").json
        self.assertEqual((told["command"], told["wanted"]["reason"], told["why_not"]), ("orders.cancel_order", "twice", ""))
        self.assertEqual(len(read_stream(orders.stream(ID))), 1)

    def test_it_is_reversed_once_by_whoever_sits_at_the_shell(self):
        called = Called("reverse", self.placed, "--reason", "twice", "--json")
        (_, cancelled) = read_stream(orders.stream(ID))
        self.assertEqual((called.code, called.json["reversed_by"]), (0, [str(cancelled.id)]))
        self.assertTrue(cancelled.actor.startswith("shell:"))
        again = Called("reverse", self.placed, "--reason", "twice", "--json")
        self.assertEqual((again.code, again.json["refused"], again.json["reversed_by"]), (1, "already_reversed", [str(cancelled.id)]))

    def test_a_dry_run_that_finds_why_not_ends_with_three(self):
        for customer in ("bob", "cleo"):
            handle(UpdateOrder(order_id=ID, customer_ref=customer))
        second = str(read_stream(orders.stream(ID))[1].id)
        called = Called("reverse", second, "--dry-run", "--json")
        self.assertEqual((called.code, called.json["code"], called.json["dependents"][0]["version"]), (3, "has_dependents", 3))
        self.assertEqual(Called("reverse", second, "--reason", "x").code, 1)

    def test_wrong_questions(self):
        self.assertEqual(Called("reverse", self.placed).code, 2)
        self.assertIn("--reason", Called("reverse", self.placed).complaint)
        unknown = Called("reverse", str(new_id()), "--reason", "x")
        self.assertEqual((unknown.code, unknown.complaint[:17]), (1, "There is no event"))
