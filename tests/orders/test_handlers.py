"""Commands carried out: the row is what its stream says, and of two writers one is first."""

from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from msgspec.structs import replace

from eventstore.context import acting
from eventstore.errors import Refused, StreamMoved
from eventstore.log import NEW, read_stream, unit_of_work
from eventstore.messages import command_name, decode_command, dispatch
from orders.commands import CancelOrder, ConfirmOrder, OrderCommand, RefundOrder, RejectOrder, UpdateOrder
from orders.domain import orders
from orders.handlers import handle
from orders.models import Order
from tests.orders.examples import CUP, HOLD, ID, POSTAGE, TEA, place

STREAM = orders.stream(ID)
cancel = CancelOrder(order_id=ID, reason="?")


class Handling(TestCase):
    def assert_row_is_its_stream(self):
        envelopes = read_stream(STREAM)
        row = Order.objects.get(pk=ID)
        self.assertEqual(row.state, orders.fold([envelope.event for envelope in envelopes]))
        self.assertEqual(row.version, len(envelopes))
        self.assertEqual(int(row.total), row.state.total)

    def test_the_row_is_the_fold_of_its_stream_after_every_command(self):
        commands: list[OrderCommand] = [
            replace(place, external_id="shop:1", pay_from=UUID(int=7)),
            UpdateOrder(order_id=ID, lines=(TEA, TEA, CUP), customer_ref="bob"),
            ConfirmOrder(order_id=ID, hold_id=HOLD),
            RefundOrder(order_id=ID, refund_id="r1", reason="chipped", lines=(CUP,)),
            RefundOrder(order_id=ID, refund_id="r2", reason="late", lines=(TEA,), charges=(POSTAGE,)),
        ]
        for version, command in enumerate(commands, start=1):
            self.assertEqual(handle(command).version, version)
            self.assert_row_is_its_stream()

    def test_sagas_reach_every_command_by_its_name(self):
        for command, status in ((place, "placed"), (ConfirmOrder(order_id=ID, hold_id=HOLD), "confirmed"), (cancel, "cancelled")):
            name = command_name(type(command))
            self.assertEqual(dispatch(decode_command(name, msgspec.to_builtins(command))).status, status)
        other = replace(place, order_id=UUID(int=2))
        dispatch(other)
        self.assertEqual(dispatch(RejectOrder(order_id=other.order_id, reason="no money")).status, "rejected")
        self.assert_row_is_its_stream()

    def test_a_command_that_was_carried_out_before_adds_nothing(self):
        commands: list[OrderCommand] = [place, place, cancel, cancel]
        for command in commands:
            order = handle(command)
        self.assertEqual((order.version, order.status), (2, "cancelled"))
        self.assert_row_is_its_stream()

    def test_a_refused_command_leaves_no_row_and_no_event(self):
        with self.assertRaises(Refused):
            handle(cancel)
        self.assertFalse(Order.objects.exists())
        self.assertEqual(read_stream(STREAM), [])

    def test_the_caller_may_insist_on_the_version_it_has_seen(self):
        handle(place)
        with self.assertRaisesMessage(StreamMoved, f"{STREAM} is no longer at version 3"):
            handle(cancel, expected=3)
        self.assertEqual(handle(cancel, expected=1).version, 2)

    def test_something_may_have_happened_long_before_it_is_recorded(self):
        then = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
        handle(place, occurred_at=then)
        (envelope,) = read_stream(STREAM)
        self.assertEqual(envelope.occurred_at, then)
        self.assertGreater(envelope.recorded_at, then)

    def test_events_carry_who_did_it_and_why(self):
        with acting(actor="key:shop", correlation="story"):
            handle(place)
        (envelope,) = read_stream(STREAM)
        self.assertEqual((envelope.actor, envelope.correlation), ("key:shop", "story"))

    def test_the_database_itself_refuses_a_refund_above_the_total(self):
        handle(place)
        with self.assertRaisesMessage(Exception, "an_order_is_not_refunded_above_its_total"), transaction.atomic():
            Order.objects.update(refunded=8401)


class Racing(TransactionTestCase):
    def race(self, *commands, **options):
        """Carry out commands at the same moment, each in a thread; return what became of each."""
        ready = Barrier(len(commands))
        results: list[Any] = [None] * len(commands)

        def run(index, command):
            try:
                with unit_of_work():
                    connection.ensure_connection()
                    ready.wait(timeout=10)
                    results[index] = handle(command, **options).version
            except Exception as error:
                results[index] = error
            finally:
                connection.close()

        threads = [Thread(target=run, args=each) for each in enumerate(commands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        return results

    def test_of_two_first_placements_one_is_first_and_the_other_is_told_to_look_again(self):
        for number in range(1, 6):
            command = replace(place, order_id=UUID(int=number))
            results = self.race(command, command, expected=NEW)
            self.assertEqual([result for result in results if not isinstance(result, StreamMoved)], [1])
            self.assertEqual(handle(command).version, 1, "looking again finds the same order")

    def test_of_two_changes_the_second_waits_and_builds_on_the_first(self):
        handle(place)
        results = self.race(*(UpdateOrder(order_id=ID, customer_ref=name) for name in ("bob", "eve")))
        self.assertEqual(sorted(results), [2, 3])
        self.assertEqual([envelope.version for envelope in read_stream(STREAM)], [1, 2, 3])

    def test_ten_refunds_at_once_give_back_no_more_than_there_is(self):
        handle(place)
        one = RefundOrder(order_id=ID, refund_id="", reason="?", lines=(replace(TEA, quantity=1),))
        results = self.race(*(replace(one, refund_id=str(number)) for number in range(10)))
        self.assertEqual(sum(isinstance(result, Refused) for result in results), 8)
        self.assertEqual(Order.objects.get(pk=ID).refunded, 900)
