"""Shadow rebuilds: the same handlers beside the live tables, a row diff, a swap in one transaction, and a way back."""

from unittest.mock import patch
from uuid import UUID

from django.db import connection
from django.test import TestCase

from eventstore.delivery import consumer_named
from eventstore.errors import Refused
from eventstore.models import Checkpoint, Run
from eventstore.runs import approve, catch_up, differences, drive, preview, rebuild_beside, roll_back, swap, throw_away
from eventstore.testing import deliver_everything
from orders.commands import CancelOrder, PlaceOrder
from orders.events import Line
from orders.handlers import handle
from orders.models import OrderSummary


def place(number: int, quantity: int = 1) -> None:
    handle(
        PlaceOrder(
            order_id=UUID(int=number), currency="JPY", customer_ref="C1", lines=(Line(sku="tea", quantity=quantity, unit_price="450"),)
        )
    )


def rows():
    return list(OrderSummary.objects.order_by("pk").values())


class Shadowing(TestCase):
    def setUp(self):
        for number in range(20):
            place(number)
        deliver_everything()
        self.before = rows()

    def run_beside(self) -> Run:
        run = rebuild_beside("orders.order_list", reason="the totals were wrong")
        drive(run.id)
        run.refresh_from_db()
        self.assertEqual(run.state, "ready")
        return run

    def test_the_same_handlers_give_the_same_rows_and_nothing_live_moves(self):
        run = self.run_beside()
        self.assertEqual(rows(), self.before)
        diff = preview(run.id)
        self.assertEqual((diff.added, diff.changed, diff.removed), (0, 0, 0))

    def test_a_difference_is_told_row_by_row_with_the_event_that_made_it(self):
        handle(CancelOrder(order_id=UUID(int=3), reason="no"))
        deliver_everything()
        OrderSummary.objects.filter(pk=UUID(int=3)).update(status="placed")
        OrderSummary.objects.filter(pk=UUID(int=4)).delete()
        OrderSummary.objects.create(order_id=UUID(int=99), status="ghost", changed_at="2026-01-01T00:00Z", version=1)
        diff = preview(self.run_beside().id)
        self.assertEqual((diff.added, diff.changed, diff.removed, diff.columns), (1, 1, 1, {"status": 1}))
        added, changed, removed = diff.rows
        self.assertEqual((changed.key, changed.columns, changed.event), (str(UUID(int=3)), ["status"], "orders.order_cancelled"))
        self.assertEqual((changed.live["status"], changed.shadow["status"]), ("placed", "cancelled"))
        self.assertEqual((added.key, added.event), (str(UUID(int=4)), "orders.order_placed"))
        self.assertEqual((removed.key, removed.event), (str(UUID(int=99)), None))

    def test_what_happened_meanwhile_is_in_the_swapped_tables(self):
        run = self.run_beside()
        place(50)
        deliver_everything()
        place(51)  # recorded, but not yet in the live table
        catch_up(run.id)
        swap(run.id, "checked")
        self.assertEqual(OrderSummary.objects.count(), 21)
        deliver_everything()
        self.assertEqual(OrderSummary.objects.count(), 22)

    def test_the_gate_refuses_differences_that_nobody_declared(self):
        OrderSummary.objects.filter(pk=UUID(int=3)).update(line_count=7)
        run = self.run_beside()
        with self.assertRaisesMessage(Refused, "1 rows of orders.order_list differ"):
            swap(run.id, "hopeful", expected=["total"])
        self.assertEqual(OrderSummary.objects.get(pk=UUID(int=3)).line_count, 7)
        swap(run.id, "declared", expected=["line_count"])
        self.assertEqual(rows(), self.before)

    def test_a_swap_can_be_rolled_back_and_loses_nothing(self):
        run = self.run_beside()
        swap(run.id, "checked")
        place(60)
        deliver_everything()
        after = rows()
        roll_back(run.id, "was wrong after all")
        self.assertEqual(rows(), self.before)
        deliver_everything()
        self.assertEqual(rows(), after)

    def test_a_person_approves_what_was_previewed_and_says_why(self):
        OrderSummary.objects.filter(pk=UUID(int=3)).update(line_count=7)
        run = self.run_beside()
        with self.assertRaisesMessage(Refused, "preview it before you approve it"):
            approve(run.id, "in a hurry", "")
        seen = preview(run.id).digest
        with self.assertRaisesMessage(Refused, "needs a reason"):
            approve(run.id, "", seen)
        with self.assertRaisesMessage(Refused, "says which preview was looked at"):
            approve(run.id, "seven was wrong", "")
        self.assertEqual(approve(run.id, "seven was wrong", seen).changed, 1)
        self.assertEqual(rows(), self.before)

    def test_an_approval_is_for_the_differences_that_were_seen_and_no_others(self):
        OrderSummary.objects.filter(pk=UUID(int=3)).update(line_count=7)
        run = self.run_beside()
        first = preview(run.id)
        for spoil in ({"line_count": 8}, {"line_count": 7, "total": 1}):
            OrderSummary.objects.filter(pk=UUID(int=3)).update(**spoil)
            with self.assertRaisesMessage(Refused, "1 rows of orders.order_list differ otherwise"):
                approve(run.id, "seven was wrong", first.digest)
        second = preview(run.id)
        self.assertNotEqual(first.digest, second.digest)
        with self.assertRaisesMessage(Refused, "another preview"):
            approve(run.id, "seven was wrong", first.digest)
        OrderSummary.objects.filter(pk=UUID(int=5)).delete()
        with self.assertRaisesMessage(Refused, "1 rows"):
            swap(run.id, "seven was wrong", ["line_count", "total", "+"], seen=second.digest)
        swap(run.id, "seven was wrong", ["line_count", "total", "+"], seen=preview(run.id).digest)
        self.assertEqual(rows(), self.before)

    def test_a_row_that_was_seen_beyond_the_first_hundred_counts_too(self):
        run = self.run_beside()
        with patch.object(differences, "SHOWN", 1):
            OrderSummary.objects.update(line_count=7)
            seen = preview(run.id)
            OrderSummary.objects.filter(pk=UUID(int=19)).update(line_count=8)
            with self.assertRaisesMessage(Refused, "1 rows"):
                approve(run.id, "seven was wrong", seen.digest)

    def test_what_happens_to_orders_meanwhile_takes_no_approval_back(self):
        OrderSummary.objects.filter(pk__in=[UUID(int=3), UUID(int=4)]).update(line_count=7)
        run = self.run_beside()
        seen = preview(run.id).digest
        handle(CancelOrder(order_id=UUID(int=3), reason="no"))
        place(70)
        deliver_everything()
        handle(CancelOrder(order_id=UUID(int=4), reason="no"))  # recorded, not delivered
        self.assertEqual(approve(run.id, "seven was wrong", seen).changed, 2)
        deliver_everything()
        self.assertEqual(set(OrderSummary.objects.values_list("line_count", flat=True)), {1})
        self.assertEqual(OrderSummary.objects.filter(status="cancelled").count(), 2)

    def test_the_old_tables_are_thrown_away_once_nobody_goes_back(self):
        run = self.run_beside()
        with self.assertRaisesMessage(Refused, "Cancel it"):
            throw_away(run.id, "too early")
        swap(run.id, "checked")
        throw_away(run.id, "a week has passed")
        with self.assertRaisesMessage(Refused, "There is nothing to roll back"):
            roll_back(run.id, "too late")

    def test_indexes_and_constraints_keep_their_names(self):
        def names():
            with connection.cursor() as cursor:
                cursor.execute(
                    """SELECT indexname, indexdef FROM pg_indexes
                       WHERE schemaname = 'public' AND tablename = 'orders_ordersummary' ORDER BY 1"""
                )
                return cursor.fetchall()

        before = names()
        swap(self.run_beside().id, "checked")
        self.assertEqual(names(), before)

    def test_a_shadow_run_leaves_live_checkpoints_alone(self):
        before = set(Checkpoint.objects.filter(consumer="orders.order_list").values_list("partition", "position"))
        self.run_beside()
        self.assertEqual(set(Checkpoint.objects.filter(consumer="orders.order_list").values_list("partition", "position")), before)
        self.assertEqual(consumer_named("orders.order_list").name, "orders.order_list")
