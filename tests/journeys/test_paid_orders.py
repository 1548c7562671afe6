"""Paid orders, whole: order, approval, hold and confirmation over both apps; and what must hold whatever comes in between."""

from contextlib import suppress
from unittest import mock
from uuid import UUID, uuid4

from django.db.models import F
from django.db.models.functions import Now
from django.test import TestCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from msgspec.structs import replace

from eventstore import sagas
from eventstore.approvals import GrantApproval, RefuseApproval
from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.delivery import drain, relay_partition, transport
from eventstore.errors import Refused
from eventstore.log import current_position, read_correlation, read_stream
from eventstore.messages import dispatch
from eventstore.models import Approval, SagaCommand, SagaDeadline, SagaInstance
from eventstore.sagas import dispatching
from eventstore.testing import deliver_everything
from ledger.commands import CreditFunds, OpenAccount
from ledger.models import Account, Hold
from orders.commands import CancelOrder, UpdateOrder
from orders.events import Line
from orders.models import Order
from orders.sagas import fulfilment
from tests.orders.examples import place


class Killed(BaseException):
    """Stands for kill -9."""


def lines(amount):
    return (Line(sku="TEA", quantity=1, unit_price=str(amount)),)


class Paying:
    def begin(self):
        transport().flush()
        self.account = new_id()
        dispatch(OpenAccount(account_id=self.account, currency="EUR"))

    def credit(self, amount):
        funds = {"counterparty": "bank:main:EUR", "external_id": str(uuid4())}
        dispatch(CreditFunds(account_id=self.account, amount=str(amount), currency="EUR", **funds))

    def place(self, amount, order_id=None):
        order_id = order_id or new_id()
        with acting(actor="key:shop"):
            dispatch(replace(place, order_id=order_id, pay_from=self.account, lines=lines(amount), charges=()))
        return order_id

    def order(self, order_id):
        return Order.objects.get(pk=order_id)

    def pending(self):
        return int(Account.objects.get(pk=self.account).debits_pending)

    def saga(self, order_id):
        return SagaInstance.objects.get(saga=fulfilment.name, key=str(order_id))


class Stories(Paying, TestCase):
    def setUp(self):
        self.begin()

    def test_its_money_is_held_and_it_is_confirmed(self):
        self.credit(1000)
        order_id = self.place(900)
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("confirmed", 900))
        self.assertEqual((self.saga(order_id).status, self.saga(order_id).outcome), ("finished", "confirmed"))

    def test_it_is_one_story_with_one_root(self):
        self.credit(1000)
        order_id = self.place(900)
        deliver_everything()
        (placed, *_) = read_stream(f"order-{order_id}")
        story = read_correlation(placed.correlation)
        self.assertLessEqual({"orders.order_placed", "ledger.hold_placed", "orders.order_confirmed"}, {e.name for e in story})
        ids = {str(envelope.id) for envelope in story}
        self.assertEqual([e.name for e in story if e.facts.get("causation") not in ids], ["orders.order_placed"])

    def test_without_enough_money_it_is_rejected_and_the_reason_stands_in_it(self):
        self.credit(100)
        order_id = self.place(900)
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("rejected", 0))
        reason = read_stream(f"order-{order_id}")[-1].event.reason
        self.assertIn("available 100 EUR, requested 900 EUR", reason)

    def test_a_large_one_waits_for_a_second_person(self):
        self.credit(600_000)
        order_id = self.place(600_000)
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("placed", 0))
        approval = Approval.objects.get()
        with acting(actor="key:shop"), self.assertRaisesMessage(Refused, "A second person must decide this"):
            dispatch(GrantApproval(approval_id=approval.pk))
        with acting(actor="staff:ben"):
            dispatch(GrantApproval(approval_id=approval.pk))
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("confirmed", 600_000))

    def test_a_confirmed_one_that_is_cancelled_gets_its_money_back(self):
        self.credit(1000)
        order_id = self.place(900)
        deliver_everything()
        dispatch(CancelOrder(order_id=order_id, reason="changed my mind"))
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("cancelled", 0))

    def test_staff_have_it_undone(self):
        self.credit(600_000)
        order_id = self.place(600_000)
        deliver_everything()
        sagas.compensate(self.saga(order_id).pk, "fraud")
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.saga(order_id).outcome), ("cancelled", "cancelled"))
        self.assertEqual(Approval.objects.get().state, "withdrawn")

    def test_an_order_without_an_account_needs_no_process(self):
        dispatch(place)
        deliver_everything()
        self.assertFalse(SagaInstance.objects.exists())
        self.assertEqual(self.order(place.order_id).status, "placed")


WITHOUT_MORE = ["carry out", "carry out", "killed before", "killed after", "cancel", "deadlines", "grant", "refuse"]
ACTS = st.one_of(
    st.tuples(st.just("update"), st.sampled_from([300, 700, 900, 1500, 600_000])),
    st.tuples(st.just("deliver"), st.integers(0, 15)),
    st.tuples(st.sampled_from(WITHOUT_MORE), st.just(0)),
)


class WhateverComesBetween(Paying, HypothesisTestCase):
    """Deliveries in any order over the partitions, changes, decisions, deadlines and deaths at any moment."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(order_id=st.uuids(), amount=st.sampled_from([500, 900, 600_000]), acts=st.lists(ACTS, max_size=30))
    def test_a_confirmed_order_has_exactly_its_money_held_and_one_that_is_over_has_none(self, order_id, amount, acts):
        self.begin()
        self.credit(1000 if amount < 1000 else 700_000)
        self.place(amount, order_id)
        for what, which in acts:
            self.act(order_id, what, which)
        SagaCommand.objects.filter(state="waiting").update(due_at=F("sent_at"))
        deliver_everything()
        self.decide(GrantApproval)
        deliver_everything()
        order, saga = self.order(order_id), self.saga(order_id)
        active = Hold.objects.filter(external_id__startswith=f"order:{order_id}:", state="pending")
        if order.status == "confirmed":
            (hold,) = active
            self.assertEqual((hold.pk, int(hold.amount)), (order.hold_id, int(order.total)))
        else:
            self.assertIn(order.status, ("cancelled", "rejected"))
            self.assertEqual(list(active), [])
        self.assertEqual(self.pending(), sum(int(hold.amount) for hold in active))
        self.assertEqual((saga.status, saga.trouble), ("finished", ""))
        self.assertFalse(SagaCommand.objects.filter(saga=saga, state="waiting").exists())
        memory = sagas.sagas.fold(envelope.event for envelope in read_stream(saga.stream))
        self.assertEqual((memory.state, memory.steps, memory.status), (saga.state, saga.steps, saga.status))

    def act(self, order_id: UUID, what: str, which: int) -> None:
        match what:
            case "update":
                self.allowed(UpdateOrder(order_id=order_id, lines=lines(which)))
            case "cancel":
                self.allowed(CancelOrder(order_id=order_id, reason="changed my mind"))
            case "deliver":
                for partition in current_position().heads:
                    relay_partition(partition)
                drain(fulfilment, which)
            case "carry out":
                self.carry_out()
            case "killed before":
                with mock.patch.object(dispatching, "dispatch", side_effect=Killed):
                    self.carry_out()
            case "killed after":
                with mock.patch.object(dispatching, "dispatch", die_after):
                    self.carry_out()
            case "deadlines":
                SagaDeadline.objects.filter(state="waiting").update(due_at=Now())
                sagas.fire_due()
            case "grant":
                self.decide(GrantApproval)
            case "refuse":
                self.decide(lambda approval_id: RefuseApproval(approval_id=approval_id, comment="no"))

    def allowed(self, command):
        with suppress(Refused):
            dispatch(command)

    def carry_out(self):
        command = SagaCommand.objects.filter(state="waiting").order_by("step", "number").first()
        if command is not None:
            with suppress(Killed):
                dispatching.carry_out(command.pk)

    def decide(self, decision):
        for approval in Approval.objects.filter(state="pending"):
            with acting(actor="staff:ben"):
                self.allowed(decision(approval_id=approval.pk))


def die_after(command):
    dispatch(command)
    raise Killed
