"""The read tables of orders: what they say is what the events say, however delivery cuts them into batches."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyTestCase
from msgspec.structs import replace

from eventstore.context import acting
from eventstore.delivery import Consumer, all_consumers
from eventstore.errors import Refused
from eventstore.log import read_everything, read_stream
from eventstore.messages import Envelope, encode
from eventstore.projections import all_projections, projection_named, rebuild
from eventstore.testing import deliver_everything
from orders.commands import CancelOrder, ConfirmOrder, RefundOrder, RejectOrder, UpdateOrder
from orders.domain import orders
from orders.events import OrderCancelled, OrderConfirmed, OrderPlaced, OrderRefunded, OrderRejected, OrderUpdated
from orders.handlers import handle
from orders.models import OrderDetail, OrderSummary, TimelineEntry
from orders.projections import sentence
from tests.orders.examples import CUP, HOLD, ID, POSTAGE, TEA, place, placed, refunded

TABLES: dict[str, Any] = {"orders.order_list": OrderSummary, "orders.order_detail": OrderDetail, "orders.timeline": TimelineEntry}


def rows_of(model):
    return {row.pop(model._meta.pk.attname): row for row in model.objects.values()}


def tables():
    return {name: rows_of(model) for name, model in TABLES.items()}


@dataclass
class Expected:
    """What the read tables must say of one order: a fold of our own, which shares no code with the projections."""

    summary: dict[str, Any] = field(default_factory=lambda: {"line_count": 0, "total": 0, "refunded": 0})
    detail: dict[str, Any] = field(
        default_factory=lambda: {
            "lines": [],
            "charges": [],
            "refunds": [],
            "cancel_reason": "",
            "reject_reason": "",
            "refunded": 0,
            "hold_id": None,
        }
    )

    def take(self, envelope: Envelope) -> None:
        event: Any = envelope.event
        facts: dict[str, Any] = {}
        if isinstance(event, OrderPlaced):
            facts |= {"status": "placed", "currency": event.currency, "placed_at": envelope.occurred_at}
            self.detail |= {"external_id": event.external_id, "pay_from": event.pay_from}
        if isinstance(event, OrderPlaced | OrderUpdated):
            worth = sum(line.quantity * int(line.unit_price) for line in event.lines) + sum(int(c.amount) for c in event.charges)
            facts |= {"customer_ref": event.customer_ref, "total": worth}
            self.summary["line_count"] = len(event.lines)
            self.detail["lines"] = [{"sku": x.sku, "quantity": x.quantity, "unit_price": x.unit_price} for x in event.lines]
            self.detail["charges"] = [{"kind": x.kind, "amount": x.amount} for x in event.charges]
        if isinstance(event, OrderConfirmed):
            facts["status"], self.detail["hold_id"] = "confirmed", event.hold_id
        if isinstance(event, OrderRejected):
            facts["status"], self.detail["reject_reason"] = "rejected", event.reason
        if isinstance(event, OrderCancelled):
            facts["status"], self.detail["cancel_reason"] = "cancelled", event.reason
        if isinstance(event, OrderRefunded):
            facts["refunded"] = self.summary["refunded"] + int(event.amount)
            self.detail["refunds"] = [*self.detail["refunds"], msgspec.json.decode(encode(event))]
        facts |= {"version": envelope.version, "changed_at": envelope.recorded_at}
        self.summary |= facts
        self.detail |= facts


class ReadTables(TestCase):
    def setUp(self):
        other = replace(place, order_id=UUID(int=2), customer_ref="bob", external_id="shop:7")
        with acting(actor="key:shop"):
            handle(place)
            handle(other)
            handle(UpdateOrder(order_id=ID, lines=(TEA,), charges=()))
            handle(RefundOrder(order_id=other.order_id, refund_id="r1", reason="chipped", lines=(CUP,), charges=(POSTAGE,)))
            handle(CancelOrder(order_id=ID, reason="changed my mind"))
            for number, secured in ((3, True), (4, False)):
                order_id = UUID(int=number)
                handle(replace(place, order_id=order_id, pay_from=UUID(int=7)))
                handle(ConfirmOrder(order_id=order_id, hold_id=HOLD) if secured else RejectOrder(order_id=order_id, reason="no money"))
            handle(RefundOrder(order_id=other.order_id, refund_id="r2", reason="late", lines=(TEA,)))
        deliver_everything()

    def test_they_equal_an_independent_fold_of_the_log(self):
        expected: defaultdict[UUID, Expected] = defaultdict(Expected)
        for envelope in read_everything(100):
            event: Any = envelope.event
            if not envelope.stream.startswith("order-"):
                continue  # what the process of a paid order did
            expected[event.order_id].take(envelope)
        self.assertEqual(rows_of(OrderSummary), {key: order.summary for key, order in expected.items()})
        self.assertEqual(rows_of(OrderDetail), {key: order.detail for key, order in expected.items()})

    def test_the_timeline_has_a_sentence_for_every_event(self):
        rows = TimelineEntry.objects.filter(order_id=ID).order_by("version")
        self.assertEqual([row.event_id for row in rows], [envelope.id for envelope in read_stream(orders.stream(ID))])
        self.assertEqual([row.version for row in rows], [1, 2, 3])
        self.assertEqual({row.actor for row in rows}, {"key:shop"})
        self.assertEqual(
            [row.sentence for row in rows],
            ["Placed: 2 lines for 8400 EUR (minor units).", "Changed: 1 line for 900 (minor units).", "Cancelled: changed my mind"],
        )

    def test_the_longest_reason_still_fits_the_timeline(self):
        longest = "x" * 2000
        for event in (
            OrderCancelled(order_id=ID, reason=longest),
            OrderRejected(order_id=ID, reason=longest),
            OrderConfirmed(order_id=ID, hold_id=HOLD),
            replace(refunded, reason=longest, amount="9" * 30),
            replace(placed, total="9" * 30),
        ):
            self.assertLessEqual(len(sentence(event)), 300)


class Rebuilding(TransactionTestCase):
    def test_a_rebuilt_table_has_the_same_rows(self):
        for number in range(1, 8):
            handle(replace(place, order_id=UUID(int=number)))
        handle(CancelOrder(order_id=ID, reason="?"))
        deliver_everything()
        before = tables()
        OrderSummary.objects.all().delete()
        OrderDetail.objects.update(status="nonsense")
        for name in TABLES:
            rebuild(name)
        self.assertEqual(tables(), before)
        self.assertEqual(len(before["orders.order_list"]), 7)


wishes = st.lists(
    st.builds(
        lambda order, command: replace(command, order_id=UUID(int=order)),
        st.integers(1, 3),
        st.sampled_from(
            [
                place,
                UpdateOrder(order_id=ID, lines=(CUP,)),
                UpdateOrder(order_id=ID, customer_ref="bob"),
                ConfirmOrder(order_id=ID, hold_id=HOLD),
                RejectOrder(order_id=ID, reason="?"),
                CancelOrder(order_id=ID, reason="?"),
                RefundOrder(order_id=ID, refund_id="r1", reason="?", lines=(CUP,)),
                RefundOrder(order_id=ID, refund_id="r2", reason="?", charges=(POSTAGE,)),
            ]
        ),
    ),
    max_size=12,
)


class AnyBatches(PropertyTestCase):
    @settings(max_examples=25, deadline=None)
    @given(wishes, st.randoms(use_true_random=False))
    def test_batches_of_any_size_and_any_mix_of_streams_give_the_same_rows(self, wishes, chance):
        for wish in wishes:
            try:
                handle(wish)
            except Refused:
                continue
        streams: defaultdict[str, list[Any]] = defaultdict(list)
        for envelope in read_everything(100):
            streams[envelope.stream].append(envelope)
        deliver_everything()
        wanted = tables()
        for model in TABLES.values():
            model.objects.all().delete()
        for name in TABLES:
            for batch in any_batches(streams, chance):
                projection_named(name).handle(batch)
        self.assertEqual(tables(), wanted)


def any_batches(streams, chance):
    """The events in the order of their streams, otherwise in any order, in batches of any size."""
    waiting = [list(envelopes) for envelopes in streams.values()]
    mixed = []
    while waiting := [envelopes for envelopes in waiting if envelopes]:
        mixed.append(chance.choice(waiting).pop(0))
    while mixed:
        size = chance.randint(1, len(mixed))
        yield mixed[:size]
        del mixed[:size]


class Declarations(SimpleTestCase):
    def test_every_event_of_an_order_reaches_every_table(self):
        names = {f"orders.order_{what}" for what in ("placed", "updated", "confirmed", "rejected", "cancelled", "refunded")}
        for name in TABLES:
            self.assertEqual(set(projection_named(name).handlers), names)

    def test_projections_are_consumers_like_others(self):
        self.assertTrue(set(TABLES) <= {projection.name for projection in all_projections()})
        self.assertTrue(all(isinstance(consumer, Consumer) for consumer in all_consumers()))
