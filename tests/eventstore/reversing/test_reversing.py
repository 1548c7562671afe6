"""Events are taken back by their owners, once, when nothing stands on them; and what follows points back."""

import threading
from uuid import UUID

from django.db import connection
from django.test import TestCase, TransactionTestCase, tag

from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.errors import Refused
from eventstore.events import OPERATIONS
from eventstore.log import append, read_event, read_stream, unit_of_work
from eventstore.models import Event, ReversedEvent
from eventstore.reversing import rehearse, reverse
from orders.commands import CancelOrder, RefundOrder, UpdateOrder
from orders.domain import orders
from orders.handlers import handle
from orders.models import Order
from tests.eventstore.examples import Raised
from tests.orders.examples import CUP, ID, ONE_TEA, TEA, place

STREAM = orders.stream(ID)


class Case(TestCase):
    def setUp(self):
        handle(place)

    def event(self, version):
        return read_stream(STREAM)[version - 1]

    def refuse(self, event_id, code, words="", status=409):
        before = Event.objects.count()
        with self.assertRaisesMessage(Refused, words) as refused:
            reverse(event_id, "a mistake")
        self.assertEqual((refused.exception.code, refused.exception.status), (code, status))
        self.assertEqual(Event.objects.count(), before, "nothing was recorded")
        return refused.exception


class Reversing(Case):
    def test_a_placed_order_is_cancelled_and_the_cancellation_points_back(self):
        placed = self.event(1)
        with acting(actor="staff:ada", correlation="another story"):
            done = reverse(placed.id, "placed twice")
        cancelled = self.event(2)
        self.assertEqual((done.command, done.reversed_by, done.follows), ("orders.cancel_order", (cancelled.id,), (cancelled.name,)))
        self.assertEqual(cancelled.name, "orders.order_cancelled")
        told = {name: cancelled.facts[name] for name in ("reverses", "causation", "correlation", "reason", "actor")}
        self.assertEqual(
            told,
            {
                "reverses": str(placed.id),
                "causation": str(placed.id),
                "correlation": placed.correlation,
                "reason": "placed twice",
                "actor": "staff:ada",
            },
        )
        self.assertEqual(ReversedEvent.objects.get().by, [str(cancelled.id)])

    def test_the_staff_act_stands_in_operations_and_reverses_nothing_itself(self):
        placed = self.event(1)
        reverse(placed.id, "placed twice")
        (act,) = read_stream(OPERATIONS)
        self.assertEqual((act.name, act.event.event_id, act.event.command), ("eventstore.event_reversed", placed.id, "orders.cancel_order"))
        self.assertNotIn("reverses", act.facts)
        self.refuse(act.id, "irreversible")

    def test_an_update_goes_back_to_what_it_found(self):
        handle(UpdateOrder(order_id=ID, customer_ref="bob", lines=(CUP,)))
        reverse(self.event(2).id, "wrong customer")
        self.assertEqual((self.event(3).event.customer_ref, self.event(3).event.lines), ("ada", (TEA, CUP)))
        self.assertEqual(Order.objects.get().customer_ref, "ada")

    def test_updates_are_reversed_newest_first_and_a_reversal_stands_on_nothing(self):
        handle(UpdateOrder(order_id=ID, customer_ref="bob"))
        handle(UpdateOrder(order_id=ID, customer_ref="cleo"))
        second, third = self.event(2), self.event(3)
        refused = self.refuse(second.id, "has_dependents", "reverse it first")
        (dependent,) = refused.facts["dependents"]
        self.assertEqual((dependent.id, dependent.name, dependent.version), (third.id, "orders.order_updated", 3))
        reverse(third.id, "no")
        self.assertEqual(Order.objects.get().customer_ref, "bob")
        reverse(second.id, "no")
        self.assertEqual(Order.objects.get().customer_ref, "ada")

    def test_what_an_event_caused_is_reversed_before_it(self):
        placed = self.event(1)
        other = UUID(int=2)
        with acting(causation=str(placed.id), correlation=placed.correlation):
            handle(type(place)(order_id=other, currency="EUR", customer_ref="eve", lines=(TEA,)))
        (caused,) = read_stream(orders.stream(other))
        self.assertEqual([one.id for one in self.refuse(placed.id, "has_dependents").facts["dependents"]], [caused.id])
        reverse(caused.id, "first this")
        reverse(placed.id, "then that")

    def test_what_the_event_store_did_in_between_hides_nothing(self):
        """A saga's step, a deadline: not to be reversed, but what they led to is."""
        from eventstore.events import ConsumerPaused

        placed = self.event(1)
        with acting(causation=str(placed.id), correlation=placed.correlation), unit_of_work():
            append("saga-1", [ConsumerPaused(consumer="x", reason="a step")], expected=0)
        (step,) = read_stream("saga-1")
        with acting(causation=str(step.id), correlation=placed.correlation), unit_of_work():
            append("counter-1", [Raised()], expected=0)
        names = [one.name for one in self.refuse(placed.id, "has_dependents").facts["dependents"]]
        self.assertEqual(names, ["test.raised"])

    def test_a_refund_stands_on_an_order_for_ever_and_the_refusal_says_why(self):
        handle(RefundOrder(order_id=ID, refund_id="r", reason="chipped", lines=(ONE_TEA,)))
        self.refuse(self.event(1).id, "has_dependents", "it cannot be reversed: The customer was given the money")

    def test_what_cannot_be_reversed_says_why(self):
        handle(CancelOrder(order_id=ID, reason="no"))
        self.refuse(self.event(2).id, "irreversible", "place a new order")
        self.refuse(new_id(), "event_not_found", status=404)
        with self.assertRaises(Refused) as refused:
            reverse(self.event(1).id, "  ")
        self.assertEqual((refused.exception.code, refused.exception.status), ("reason_missing", 422))

    def test_an_event_is_reversed_once_and_a_reversal_never(self):
        placed = self.event(1)
        done = reverse(placed.id, "twice")
        refused = self.refuse(placed.id, "already_reversed", str(done.reversed_by[0]))
        self.assertEqual(refused.facts["reversed_by"], [str(done.reversed_by[0])])
        self.refuse(done.reversed_by[0], "is_a_reversal", str(placed.id))

    def test_the_owners_refusal_comes_through_and_nothing_is_kept(self):
        handle(UpdateOrder(order_id=ID, customer_ref="bob"))
        handle(CancelOrder(order_id=ID, reason="no"))
        self.refuse(self.event(2).id, "order_cancelled", "is cancelled and cannot be updated")
        self.refuse(self.event(1).id, "already_so", "changed nothing")
        self.assertFalse(ReversedEvent.objects.exists())

    def test_an_event_that_todays_code_does_not_know(self):
        row = Event.objects.get(stream=STREAM)
        ghost = Event.objects.create(
            id=new_id(), partition=row.partition, position=99, stream=STREAM, version=2, name="orders.forgotten", schema_version=1,
            data={}, facts={}, occurred_at=row.occurred_at,
        )  # fmt: skip
        self.refuse(ghost.pk, "unknown_event", "does not know orders.forgotten")


class Rehearsing(Case):
    def test_it_says_what_would_follow_and_leaves_nothing_behind(self):
        before = Event.objects.count()
        plan = rehearse(self.event(1).id, "placed twice")
        self.assertEqual((plan.command, plan.follows, plan.why_not), ("orders.cancel_order", ("orders.order_cancelled",), ""))
        self.assertEqual(plan.wanted, {"order_id": str(ID), "reason": "placed twice"})
        self.assertEqual((Event.objects.count(), ReversedEvent.objects.count(), Order.objects.get().status), (before, 0, "placed"))
        reverse(self.event(1).id, "still possible")

    def test_it_says_why_not(self):
        handle(UpdateOrder(order_id=ID, customer_ref="bob"))
        handle(UpdateOrder(order_id=ID, customer_ref="cleo"))
        plan = rehearse(self.event(2).id)
        self.assertEqual((plan.code, [one.version for one in plan.dependents]), ("has_dependents", [3]))
        handle(CancelOrder(order_id=ID, reason="no"))
        self.assertEqual(rehearse(self.event(4).id).code, "irreversible")
        self.assertEqual(rehearse(self.event(3).id).code, "order_cancelled")
        with self.assertRaises(Refused):
            rehearse(new_id())


@tag("slow")
class Races(TransactionTestCase):
    def at_once(self, *works):
        gate, ended = threading.Barrier(len(works)), []

        def run(work):
            try:
                gate.wait()
                work()
                ended.append("done")
            except Refused as refused:
                ended.append(refused.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(ended)

    def test_two_at_once_reverse_once(self):
        for number in range(1, 6):
            order_id = UUID(int=number)
            handle(type(place)(order_id=order_id, currency="EUR", customer_ref="ada", lines=(TEA,)))
            handle(UpdateOrder(order_id=order_id, customer_ref="bob"))
            event_id = read_stream(orders.stream(order_id))[1].id
            ended = self.at_once(*[lambda event_id=event_id: reverse(event_id, "both saw it")] * 4)
            self.assertEqual(ended, ["already_reversed"] * 3 + ["done"])
            self.assertEqual(len(read_stream(orders.stream(order_id))), 3)
            self.assertEqual(read_event(event_id).event.customer_ref, "bob")
        self.assertEqual(len(read_stream(OPERATIONS)), 5)

    def test_a_change_that_comes_in_between_is_never_overwritten(self):
        for number in range(1, 6):
            order_id = UUID(int=number)
            handle(type(place)(order_id=order_id, currency="EUR", customer_ref="ada", lines=(TEA,)))
            handle(UpdateOrder(order_id=order_id, customer_ref="bob"))
            event_id = read_stream(orders.stream(order_id))[1].id
            ended = self.at_once(
                lambda event_id=event_id: reverse(event_id, "a mistake"),
                lambda order_id=order_id: handle(UpdateOrder(order_id=order_id, customer_ref="cleo")),
            )
            self.assertIn(ended, (["done", "done"], ["done", "has_dependents"]))
            self.assertEqual(Order.objects.get(pk=order_id).customer_ref, "cleo")
