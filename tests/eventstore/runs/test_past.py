"""A read table as it was: a shadow run that stops at a position or a time, to be looked at, never swapped in."""

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.test import TestCase

from eventstore.errors import Refused
from eventstore.log import Position, current_position, read_stream
from eventstore.models import Run
from eventstore.moments import Moment, UnreadableMoment
from eventstore.runs import approve, drive, preview, rebuild_past, swap
from eventstore.testing import deliver_everything
from orders.commands import CancelOrder
from orders.domain import orders
from orders.handlers import handle
from orders.models import OrderSummary
from tests.clients import ApiCase
from tests.eventstore.management.calling import Called
from tests.orders.examples import TEA, place

NAME = "orders.order_list"


def put(number):
    order_id = UUID(int=number)
    handle(type(place)(order_id=order_id, currency="JPY", customer_ref="C1", lines=(TEA,)))
    return read_stream(orders.stream(order_id))[0]


class Story(TestCase):
    """Four orders, a row of the table after each; then one of the first is cancelled and two more come."""

    def setUp(self):
        super().setUp()
        self.events = [put(number) for number in range(4)]
        deliver_everything()
        self.then = self.rows()
        self.position = current_position()
        handle(CancelOrder(order_id=UUID(int=1), reason="no"))
        put(4)
        put(5)
        deliver_everything()

    def rows(self, table="orders_ordersummary"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY order_id")
            return cursor.fetchall()

    def fold(self, moment) -> Run:
        run = rebuild_past(NAME, moment, reason="what did we show then?")
        drive(run.pk)
        run.refresh_from_db()
        self.assertEqual(run.state, "ready")
        return run

    def beside(self, run):
        return self.rows(f"{run.schema}.orders_ordersummary")


class Folding(Story):
    def test_as_of_a_position_of_every_partition(self):
        run = self.fold(Moment(position=self.position))
        self.assertEqual((self.beside(run), run.total, run.selection["past"]["final"]), (self.then, 4, True))

    def test_as_of_a_time(self):
        for number, event in enumerate(self.events, start=1):
            self.assertEqual(self.beside(self.fold(Moment(at=event.recorded_at))), self.then[:number])
        self.assertEqual(self.beside(self.fold(Moment(at=self.events[0].recorded_at - timedelta(days=1)))), [])

    def test_as_of_one_event_is_the_moment_at_which_it_was_recorded(self):
        third = self.events[2]
        self.assertEqual(self.beside(self.fold(Moment(position=Position({third.partition: third.position})))), self.then[:3])

    def test_the_difference_is_told_row_by_row_and_nothing_live_moves(self):
        live = self.rows()
        run = self.fold(Moment(position=self.position))
        diff = preview(run.pk)
        self.assertEqual((diff.added, diff.changed, diff.removed), (0, 1, 2))
        changed = diff.rows[0]
        self.assertEqual((changed.live["status"], changed.shadow["status"]), ("cancelled", "placed"))
        self.assertEqual((self.rows(), self.beside(run)), (live, self.then), "a preview folds nothing further")

    def test_it_is_never_swapped_in(self):
        run = self.fold(Moment(position=self.position))
        digest = preview(run.pk).digest
        for act in (lambda: swap(run.pk, "so", expected=["+", "-"]), lambda: approve(run.pk, "so", digest)):
            with self.assertRaises(Refused) as refused:
                act()
            self.assertEqual(refused.exception.code, "run_of_the_past")
        self.assertEqual(OrderSummary.objects.count(), 6)

    def test_a_table_has_no_versions(self):
        with self.assertRaises(UnreadableMoment):
            rebuild_past(NAME, Moment(version=3), reason="so")


class AtTheShell(Story):
    def test_it_tells_what_differed(self):
        called = Called("rebuild", NAME, "--as-of", str(self.position), "--json")
        told = called.json
        self.assertEqual((called.code, told["removed"], told["changed"], told["final"]), (0, 2, 1, True))
        self.assertEqual(self.rows(f"{told['schema']}.orders_ordersummary"), self.then)
        shown = Called("rebuild", NAME, "--as-of", str(self.position)).out
        for words in ("2 removed", f"As of {self.position}", "'cancelled' → 'placed'", "throws them away"):
            self.assertIn(words, shown)

    def test_wrong_questions(self):
        for words, why in (
            (("--as-of", "12"), "is a version"),
            (("--as-of", "soon"), "is no moment"),
            (("--as-of", "0-0", "--swap"), "never swapped in"),
        ):
            with self.subTest(words):
                called = Called("rebuild", NAME, *words)
                self.assertIn(why, called.complaint)
                self.assertNotEqual(called.code, 0)


class OverHttp(Story, ApiCase):
    def start(self, **more):
        return self.api.send("/api/v1/runs", {"consumer": NAME, "reason": "what did we show?"} | more)

    def test_a_run_is_started_previewed_and_never_swapped(self):
        answer = self.start(as_of=str(self.position))
        self.assertEqual(answer.status_code, 202, answer.content)
        run = Run.objects.get(pk=answer.json()["id"])
        self.assertEqual(answer.json()["selection"]["past"]["as_of"], str(self.position))
        drive(run.pk)
        shown = self.api.send(f"/api/v1/runs/{run.pk}/preview", {}).json()
        self.assertEqual((shown["diff"]["changed"], shown["diff"]["removed"], shown["state"]), (1, 2, "ready"))
        self.assertProblem(self.api.send(f"/api/v1/runs/{run.pk}/swap", {"reason": "so", "expected": ["-"]}), 409, "run_of_the_past")
        self.assertEqual(self.beside(run), self.then)

    def test_what_is_no_moment_points_at_it(self):
        for told in ("soon", "12", "2026-10-24T08:00:00"):
            with self.subTest(told):
                problem = self.assertProblem(self.start(as_of=told), 422, "as_of_invalid")
                self.assertEqual(problem["errors"][0]["pointer"], "#/as_of")
        problem = self.assertProblem(self.start(as_of="0-0", selection={"names": ["orders.order_placed"]}), 422, "as_of_invalid")
        self.assertEqual(problem["errors"][0]["pointer"], "#/selection")
