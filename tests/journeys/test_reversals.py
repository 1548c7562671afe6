"""Reversals over both apps: an order with its money taken back whole, transactions taken back once, and the past stays as it was."""

from django.test import TestCase
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyCase

from eventstore import moments
from eventstore.approvals import GrantApproval
from eventstore.context import acting
from eventstore.errors import Refused
from eventstore.log import read_event, read_stream
from eventstore.messages import dispatch
from eventstore.models import Approval, Event
from eventstore.moments import Moment
from eventstore.reversing import reverse
from eventstore.testing import deliver_everything
from ledger.commands import PlaceHold, PostHold, ReverseTransaction
from ledger.domain import accounts
from ledger.models import Hold
from orders.commands import UpdateOrder
from orders.domain import orders
from tests.journeys.test_paid_orders import Paying, lines
from tests.ledger.examples import credit, open_customer, posted, withdraw


class PaidOrders(Paying, TestCase):
    def setUp(self):
        self.begin()
        self.credit(1000)

    def events(self, order_id):
        return read_stream(orders.stream(order_id))

    def test_a_confirmed_order_is_taken_back_and_its_money_is_free(self):
        order_id = self.place(900)
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("confirmed", 900))
        placed = self.events(order_id)[0]
        reverse(placed.id, "fraud")
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("cancelled", 0))
        (back,) = [event for event in self.events(order_id) if event.facts.get("reverses")]
        self.assertEqual(
            (back.name, back.facts["reverses"], back.correlation), ("orders.order_cancelled", str(placed.id), placed.correlation)
        )
        self.assertNotIn("reverses", Event.objects.get(name="ledger.hold_voided").facts, "what follows from it reverses nothing itself")

    def test_an_approved_one_too(self):
        self.credit(600_000)
        order_id = self.place(600_000)
        deliver_everything()
        with acting(actor="staff:ben"):
            dispatch(GrantApproval(approval_id=Approval.objects.get().pk))
        deliver_everything()
        reverse(self.events(order_id)[0].id, "fraud")
        deliver_everything()
        self.assertEqual((self.order(order_id).status, self.pending()), ("cancelled", 0))

    def test_a_change_is_taken_back_and_money_is_held_for_what_it_was(self):
        order_id = self.place(900)
        dispatch(UpdateOrder(order_id=order_id, lines=lines(500)))
        reverse(self.events(order_id)[1].id, "wrong size")
        deliver_everything()
        order = self.order(order_id)
        self.assertEqual((int(order.total), order.status, self.pending()), (900, "confirmed", 900))

    def test_a_change_that_was_confirmed_stays_and_its_owner_says_so(self):
        order_id = self.place(900)
        dispatch(UpdateOrder(order_id=order_id, lines=lines(500)))
        deliver_everything()
        with self.assertRaisesMessage(Refused, "confirmed"):
            reverse(self.events(order_id)[1].id, "wrong size")
        self.assertEqual(self.pending(), 500)


def placed_holds():
    keys = Event.objects.filter(name="ledger.hold_placed").order_by("pk").values_list("pk", flat=True)
    return [read_event(key) for key in keys]


class Transactions(TestCase):
    def setUp(self):
        self.ada = open_customer()
        credit(self.ada, 1000)
        withdraw(self.ada, 300)
        _, self.credited, self.withdrawn = read_stream(self.ada.stream)

    def refused(self, event_id):
        with self.assertRaises(Refused) as refused:
            reverse(event_id, "once more")
        return refused.exception.code

    def test_a_withdrawal_comes_back_once_and_the_past_stays(self):
        done = reverse(self.withdrawn.id, "the wrong customer")
        self.assertEqual(posted(self.ada), 1000)
        self.assertEqual(done.command, "ledger.reverse_transaction")
        self.assertEqual(set(done.follows), {"ledger.transaction_posted", "ledger.transaction_reversed"})
        self.assertEqual(self.refused(self.withdrawn.id), "already_reversed")
        for event_id in done.reversed_by:
            self.assertEqual(self.refused(event_id), "is_a_reversal")
        then = moments.as_of(accounts, self.ada.pk, Moment(version=self.withdrawn.version))
        self.assertEqual(then.state.posted, 700)

    def test_money_that_is_not_there_cannot_be_taken_back(self):
        self.assertIn(self.refused(self.credited.id), ("insufficient_funds", "reversal_exceeds_funds"))
        reverse(self.withdrawn.id, "first this")
        reverse(self.credited.id, "then that")
        self.assertEqual(posted(self.ada), 0)

    def test_what_its_owner_was_told_directly_is_not_done_twice(self):
        dispatch(
            ReverseTransaction(transaction_id=self.withdrawn.event.transaction_id, reason_code="operator_error", reason="at the counter")
        )
        self.refused(self.withdrawn.id)
        self.assertEqual(posted(self.ada), 1000)

    def test_a_hold_is_released_and_one_that_was_posted_is_not(self):
        bob = open_customer()
        for external_id in ("h1", "h2"):
            told = {"debit_account": str(self.ada.pk), "credit_account": str(bob.pk), "amount": "100", "currency": "JPY"}
            dispatch(PlaceHold(external_id=external_id, purpose="order_payment", **told))
        first, second = placed_holds()
        reverse(first.id, "not needed")
        self.assertEqual(sorted(Hold.objects.values_list("state", flat=True)), ["pending", "voided"])
        dispatch(PostHold(hold_id=second.event.hold_id))
        with self.assertRaises(Refused):
            reverse(second.id, "too late")


class Properties(PropertyCase):
    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from([credit, withdraw]), st.integers(1, 500)), min_size=1, max_size=6), st.data())
    def test_a_reversal_gives_back_exactly_what_the_event_did(self, moves, data):
        account = open_customer(credit_limit="1000000")
        for act, amount in moves:
            act(account, amount)
        events = read_stream(account.stream)[1:]
        number = data.draw(st.integers(0, len(events) - 1))
        act, amount = moves[number]
        before = posted(account)
        reverse(events[number].id, "a mistake")
        self.assertEqual(posted(account), before + (amount if act is withdraw else -amount))
        for version, envelope in enumerate(read_stream(account.stream), start=1):
            then = moments.as_of(accounts, account.pk, Moment(version=version)).state
            self.assertEqual(then.version, envelope.version)
        self.assertEqual(then.posted, posted(account))
