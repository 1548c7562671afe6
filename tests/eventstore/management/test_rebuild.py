"""manage.py rebuild beside the live tables: previewed row by row, swapped through the gate or by a person, taken back."""

from unittest.mock import patch
from uuid import UUID

from django.test import TestCase

from eventstore.log import read_stream
from eventstore.models import Run
from eventstore.testing import deliver_everything
from orders.commands import CancelOrder, PlaceOrder
from orders.events import Line, OrderPlaced, OrderUpdated
from orders.handlers import handle
from orders.models import OrderSummary
from orders.projections import order_list
from tests.eventstore.management.calling import Called

NAME = "orders.order_list"


def place(number: int) -> None:
    line = Line(sku="tea", quantity=2, unit_price="450")
    handle(PlaceOrder(order_id=UUID(int=number), currency="JPY", customer_ref="C1", lines=(line,)))


class Rebuilding(TestCase):
    def setUp(self):
        for number in range(8):
            place(number)
        handle(CancelOrder(order_id=UUID(int=7), reason="no"))
        deliver_everything()
        self.right = self.rows()

    def rows(self):
        return list(OrderSummary.objects.order_by("pk").values())

    def spoil(self):
        """As if a handler that is mended by now had written them."""
        OrderSummary.objects.filter(pk=UUID(int=3)).update(line_count=7)
        OrderSummary.objects.filter(pk=UUID(int=4)).delete()

    def test_a_shadow_is_folded_and_kept_ready(self):
        self.spoil()
        before = self.rows()
        called = Called("rebuild", NAME, "--shadow", "--reason", "to look at", "--json")
        self.assertEqual((called.code, called.json["state"], called.json["parked"]), (0, "ready", 0))
        self.assertEqual(self.rows(), before)
        again = Called("rebuild", NAME, "--preview", "--run", called.json["run"], "--json")
        self.assertEqual((again.json["run"], again.json["changed"], Run.objects.count()), (called.json["run"], 1, 1))

    def test_a_preview_tells_each_row_and_the_event_that_made_it(self):
        self.spoil()
        called = Called("rebuild", NAME, "--preview", "--json")
        self.assertEqual(called.code, 3)
        told = called.json
        self.assertEqual((told["added"], told["changed"], told["removed"], told["columns"]), (1, 1, 0, {"line_count": 1}))
        changed = next(row for row in told["rows"] if row["kind"] == "changed")
        self.assertEqual((changed["columns"], changed["event"]), (["line_count"], "orders.order_placed"))
        self.assertEqual((changed["live"]["line_count"], changed["shadow"]["line_count"]), (7, 1))
        shown = Called("rebuild", NAME, "--preview", "--run", told["run"])
        self.assertRegex(shown.out, rf"changed  {UUID(int=3)}  line_count 7 → 1  orders\.order_placed {changed['event_id']}")
        self.assertIn("--approve", shown.out)

    def test_a_preview_without_differences_is_no_finding(self):
        called = Called("rebuild", NAME, "--preview", "--json")
        self.assertEqual((called.code, called.json["rows"], called.json["state"]), (0, [], "ready"))

    def test_a_swap_goes_through_when_nothing_differs_but_what_was_expected(self):
        self.assertEqual(Called("rebuild", NAME, "--swap", "--json").json["swapped"], True)
        self.spoil()
        called = Called("rebuild", NAME, "--swap", "--expect", "line_count", "+", "--reason", "mended", "--json")
        self.assertEqual((called.code, called.json["swapped"], called.json["state"], called.json["added"]), (0, True, "completed", 1))
        self.assertEqual(self.rows(), self.right)

    def test_a_refused_swap_says_what_differs_and_can_be_approved_or_thrown_away(self):
        self.spoil()
        spoilt = self.rows()
        called = Called("rebuild", NAME, "--swap", "--expect", "line_count", "-", "--json")
        self.assertEqual((called.code, called.json["swapped"], called.json["state"]), (3, False, "ready"))
        self.assertIn("1 rows of orders.order_list differ from the live ones and nobody declared that: 1 added", called.complaint)
        self.assertEqual(self.rows(), spoilt)
        run = called.json["run"]
        self.assertEqual(Called("rebuild", NAME, "--approve", run).code, 2, "a decision has a reason")
        self.assertEqual(Called("rebuild", NAME, "--approve", run, "--reason", "I looked").code, 2, "and says what was looked at")
        told = Called("rebuild", NAME, "--approve", run, "--seen", called.json["digest"], "--reason", "I looked", "--json")
        self.assertEqual(told.json["swapped"], True)
        self.assertEqual(self.rows(), self.right)
        self.assertEqual(Called("rebuild", NAME, "--rollback", run, "--json").json, {"name": NAME, "run": run, "swapped": False})
        self.assertEqual(self.rows(), spoilt)
        self.assertEqual(Called("rebuild", NAME, "--rollback", run).code, 1)
        self.assertEqual(Called("rebuild", NAME, "--throw-away", run, "--reason", "done").code, 0)
        told = [envelope.event.what for envelope in read_stream("operations") if envelope.name == "eventstore.run_changed"]
        self.assertEqual(told, ["swapped in", "rolled back", "old tables thrown away"])

    def test_a_preview_tells_the_digest_that_binds_a_swap_to_it(self):
        self.spoil()
        seen = Called("rebuild", NAME, "--preview", "--json").json
        self.assertIn(f"--seen {seen['digest']}", Called("rebuild", NAME, "--preview", "--run", seen["run"]).out)
        OrderSummary.objects.filter(pk=UUID(int=5)).update(line_count=7)
        words = ("--run", seen["run"], "--swap", "--expect", "line_count", "+", "--seen", seen["digest"])
        refused = Called("rebuild", NAME, *words)
        self.assertEqual((refused.code, "1 rows of orders.order_list differ otherwise" in refused.complaint), (1, True))
        OrderSummary.objects.filter(pk=UUID(int=5)).update(line_count=1)
        self.assertEqual(Called("rebuild", NAME, *words, "--json").json["swapped"], True)
        self.assertEqual(self.rows(), self.right)

    def test_a_run_that_nobody_previewed_is_not_approved(self):
        run = Called("rebuild", NAME, "--shadow", "--json").json["run"]
        called = Called("rebuild", NAME, "--approve", run, "--reason", "in a hurry", "--seen", "nothing")
        self.assertEqual((called.code, "Nobody has looked" in called.complaint), (1, True))
        self.assertEqual(Called("replay", "cancel", run, "--json").json["state"], "cancelled")
        self.assertEqual(Called("rebuild", NAME, "--preview", "--run", run).code, 1)

    def test_what_does_not_go_together_is_a_question_of_usage(self):
        run = Called("rebuild", NAME, "--shadow", "--json").json["run"]
        for words in (
            ["--approve", run, "--swap"],
            ["--expect", "total"],
            ["--preview", "--seen", "0123"],
            ["--swap", "--seen", "0123"],
            ["--rollback", str(UUID(int=1))],
            ["--approve", run, "--rollback", run],
        ):
            self.assertEqual(Called("rebuild", NAME, *words).code, 2, words)
        self.assertEqual(Called("rebuild", "orders.order_detail", "--rollback", run).code, 2, "a run of another projection")

    def test_events_that_fail_beside_are_a_finding(self):
        with patch.dict(order_list.handlers, {"orders.order_cancelled": lambda row, event, envelope: 1 / 0}):
            called = Called("rebuild", NAME, "--shadow", "--json")
        self.assertEqual((called.code, called.json["parked"]), (3, 1))
        self.assertIn(f"--consumer run:{called.json['run']}", called.complaint)


class MendingABug(TestCase):
    """A story: the handler was wrong for months; mended, previewed, approved and swapped while orders come in."""

    def test_from_the_bug_to_the_right_rows(self):
        def wrong(order: OrderSummary, event: OrderPlaced | OrderUpdated, envelope: object) -> OrderSummary:
            order = right(order, event, envelope)
            order.total = order.total + 1
            return order

        right = order_list.handlers["orders.order_placed"]
        with patch.dict(order_list.handlers, {"orders.order_placed": wrong}):
            for number in range(5):
                place(number)
            deliver_everything()
        self.assertEqual(set(OrderSummary.objects.values_list("total", flat=True)), {901})
        preview = Called("rebuild", NAME, "--preview", "--reason", "one too many since March", "--json")
        self.assertEqual((preview.code, preview.json["changed"], preview.json["columns"]), (3, 5, {"total": 5}))
        self.assertEqual(set(OrderSummary.objects.values_list("total", flat=True)), {901}, "nothing live has moved")
        place(100)  # life goes on
        deliver_everything()
        words = ("--seen", preview.json["digest"], "--reason", "all five are one less")
        swapped = Called("rebuild", NAME, "--approve", preview.json["run"], *words, "--json")
        self.assertEqual((swapped.code, swapped.json["changed"]), (0, 5))
        place(101)
        deliver_everything()
        self.assertEqual(list(OrderSummary.objects.values_list("total", flat=True)), [900] * 7)
