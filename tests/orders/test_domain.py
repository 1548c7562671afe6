"""The rules of ordering, told as stories. No database, no clock: milliseconds."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.test import SimpleTestCase
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventstore.errors import Refused
from eventstore.messages import decode_event, encode, name_of
from eventstore.testing import Story
from orders.commands import CancelOrder, ConfirmOrder, PlaceOrder, RefundOrder, RejectOrder, UpdateOrder
from orders.domain import OrderState, Status, decide, evolve, goods
from orders.events import Charge, Line, OrderCancelled, OrderConfirmed, OrderRejected, OrderUpdated, total_of
from tests.orders.examples import CUP, HOLD, ID, ONE_TEA, POSTAGE, TEA, place, placed, refunded

confirm = ConfirmOrder(order_id=ID, hold_id=HOLD)
confirmed = OrderConfirmed(order_id=ID, hold_id=HOLD)
reject = RejectOrder(order_id=ID, reason="no money")
rejected = OrderRejected(order_id=ID, reason="no money")
cancelled = OrderCancelled(order_id=ID, reason="changed my mind")
cancel = CancelOrder(order_id=ID, reason="changed my mind")
refund = RefundOrder(order_id=ID, refund_id="r1", reason="chipped", lines=(ONE_TEA,))


class Telling(SimpleTestCase):
    def story(self):
        return Story(decide, evolve, OrderState())

    def refuse(self, story, command, sentence, code):
        story.when(command).then_refused(code, sentence)


class Placing(Telling):
    def test_an_order_is_placed_with_the_total_of_its_lines_and_charges(self):
        self.story().when(place).then(placed)

    def test_placing_it_again_changes_nothing(self):
        self.story().given(placed).when(place).then()

    def test_placing_it_again_after_it_was_cancelled_does_not_bring_it_back(self):
        self.story().given(placed, cancelled).when(place).then()

    def test_it_says_from_which_account_it_is_paid(self):
        story = self.story().when(replace(place, pay_from=UUID(int=7)))
        story.then(replace(placed, pay_from=UUID(int=7)))
        self.assertEqual(story.state.pay_from, UUID(int=7))

    def test_what_was_recorded_before_there_were_accounts_still_reads(self):
        old = decode_event("orders.order_placed", 1, encode(placed).replace(b',"pay_from":null', b""))
        self.assertEqual(old, placed)

    def test_another_order_cannot_take_its_id(self):
        for other in (
            replace(place, lines=(TEA,)),
            replace(place, charges=()),
            replace(place, currency="USD"),
            replace(place, customer_ref="bob"),
            replace(place, external_id="elsewhere:7"),
            replace(place, pay_from=UUID(int=7)),
        ):
            with self.subTest(other):
                self.refuse(self.story().given(placed), other, "exists with other contents", "order_exists")

    def test_a_total_of_more_digits_than_an_amount_has_is_refused(self):
        absurd = Line(sku="STAR", quantity=1_000_000, unit_price="9" * 30)
        self.refuse(self.story(), replace(place, lines=(absurd,)), "30 is the most", "total_too_large")
        self.refuse(self.story().given(placed), UpdateOrder(order_id=ID, lines=(absurd,)), "30 is the most", "total_too_large")


class Updating(Telling):
    def test_what_is_left_out_stays(self):
        self.story().given(placed).when(UpdateOrder(order_id=ID, lines=(TEA,))).then(
            OrderUpdated(order_id=ID, customer_ref="ada", lines=(TEA,), charges=(POSTAGE,), total="1200")
        )
        self.story().given(placed).when(UpdateOrder(order_id=ID, customer_ref="bob", charges=())).then(
            OrderUpdated(order_id=ID, customer_ref="bob", lines=(TEA, CUP), total="8100")
        )

    def test_what_it_is_already_changes_nothing(self):
        self.story().given(placed).when(UpdateOrder(order_id=ID)).then()
        self.story().given(placed).when(UpdateOrder(order_id=ID, lines=(TEA, CUP), customer_ref="ada")).then()

    def test_an_order_that_is_not_there_or_over_cannot_change(self):
        change = UpdateOrder(order_id=ID, lines=(TEA,))
        self.refuse(self.story(), change, "There is no order", "order_not_found")
        self.refuse(self.story().given(placed, cancelled), change, "is cancelled and cannot be updated", "order_cancelled")
        self.refuse(self.story().given(placed, refunded), change, "has refunds and cannot change", "order_not_editable")


class Confirming(Telling):
    def test_a_placed_order_is_confirmed_by_the_hold_that_secures_it(self):
        story = self.story().given(placed).when(confirm)
        story.then(confirmed)
        self.assertEqual((story.state.status, story.state.hold_id), (Status.CONFIRMED, HOLD))

    def test_confirming_it_again_changes_nothing_but_another_hold_is_refused(self):
        self.story().given(placed, confirmed).when(confirm).then()
        other = replace(confirm, hold_id=UUID(int=9))
        self.refuse(self.story().given(placed, confirmed), other, "is confirmed and cannot be confirmed", "order_confirmed")

    def test_an_order_that_has_changed_is_not_confirmed_by_what_was_held_for_it_before(self):
        updated = OrderUpdated(order_id=ID, customer_ref="C1", lines=(ONE_TEA,), total=str(total_of((ONE_TEA,))))
        self.story().given(placed, updated).when(replace(confirm, version=2)).then(confirmed)
        self.refuse(self.story().given(placed, updated), replace(confirm, version=1), "is at version 2", "order_changed")

    def test_what_is_over_or_not_there_cannot_be_confirmed(self):
        self.refuse(self.story(), confirm, "There is no order", "order_not_found")
        self.refuse(self.story().given(placed, cancelled), confirm, "is cancelled", "order_cancelled")
        self.refuse(self.story().given(placed, rejected), confirm, "is rejected", "order_rejected")

    def test_a_confirmed_order_does_not_change_any_more_but_can_be_given_back(self):
        change = UpdateOrder(order_id=ID, lines=(TEA,))
        self.refuse(self.story().given(placed, confirmed), change, "is confirmed and cannot be updated", "order_confirmed")
        self.story().given(placed, confirmed).when(refund).then(refunded)


class Rejecting(Telling):
    def test_a_placed_order_is_rejected_with_a_reason(self):
        story = self.story().given(placed).when(reject)
        story.then(rejected)
        self.assertEqual(story.state.status, Status.REJECTED)

    def test_rejecting_it_again_changes_nothing(self):
        self.story().given(placed, rejected).when(replace(reject, reason="another")).then()

    def test_what_was_promised_or_is_over_cannot_be_rejected(self):
        self.refuse(self.story(), reject, "There is no order", "order_not_found")
        self.refuse(self.story().given(placed, confirmed), reject, "is confirmed", "order_confirmed")
        self.refuse(self.story().given(placed, cancelled), reject, "is cancelled", "order_cancelled")
        self.refuse(self.story().given(placed, refunded), reject, "refund the rest", "order_not_rejectable")

    def test_a_rejected_order_is_over(self):
        for command in (cancel, refund, UpdateOrder(order_id=ID, lines=(TEA,))):
            self.refuse(self.story().given(placed, rejected), command, "is rejected and cannot be", "order_rejected")


class Cancelling(Telling):
    def test_a_placed_order_can_be_cancelled(self):
        self.story().given(placed).when(cancel).then(cancelled)

    def test_a_confirmed_order_can_be_cancelled_and_the_hold_is_still_known(self):
        story = self.story().given(placed, confirmed).when(cancel)
        story.then(cancelled)
        self.assertEqual((story.state.status, story.state.hold_id), (Status.CANCELLED, HOLD))

    def test_cancelling_twice_changes_nothing(self):
        self.story().given(placed, cancelled).when(replace(cancel, reason="another")).then()

    def test_an_order_that_is_not_there_cannot_be_cancelled(self):
        self.refuse(self.story(), cancel, "There is no order", "order_not_found")

    def test_what_was_partly_refunded_is_refunded_to_the_end_and_not_cancelled(self):
        self.refuse(self.story().given(placed, refunded), cancel, "refund the rest", "order_not_cancellable")


class Refunding(Telling):
    def test_a_line_is_given_back_and_its_price_is_owed(self):
        self.story().given(placed).when(refund).then(refunded)

    def test_a_charge_can_be_given_back_too(self):
        self.story().given(placed, refunded).when(replace(refund, refund_id="r2", lines=(), charges=(POSTAGE,))).then(
            replace(refunded, refund_id="r2", lines=(), charges=(POSTAGE,), amount="300", refunded_total="750")
        )

    def test_the_same_refund_again_changes_nothing(self):
        self.story().given(placed, refunded).when(refund).then()

    def test_no_more_is_given_back_than_was_bought(self):
        story = self.story().given(placed, refunded)
        self.refuse(story, replace(refund, refund_id="r2", lines=(TEA,)), "has 1 of TEA at 450 left", "refund_exceeds_order")
        self.refuse(story, replace(refund, refund_id="r2", lines=(ONE_TEA, ONE_TEA)), "has 1 of TEA", "refund_exceeds_order")
        dearer = replace(ONE_TEA, unit_price="451")
        self.refuse(story, replace(refund, refund_id="r2", lines=(dearer,)), "has 0 of TEA at 451 left", "refund_exceeds_order")
        self.refuse(story, replace(refund, refund_id="r2", charges=(POSTAGE, POSTAGE)), "1 of postage", "refund_exceeds_order")

    def test_the_same_article_in_two_rows_counts_together(self):
        twice = replace(placed, lines=(ONE_TEA, ONE_TEA), charges=(), total="900")
        self.story().given(twice).when(replace(refund, lines=(TEA,))).then(
            replace(refunded, lines=(TEA,), amount="900", refunded_total="900")
        )

    def test_a_refund_of_nothing_is_refused(self):
        self.refuse(self.story().given(placed), replace(refund, lines=()), "gives something back", "empty_refund")

    def test_an_order_that_is_not_there_or_over_cannot_be_refunded(self):
        self.refuse(self.story(), refund, "There is no order", "order_not_found")
        self.refuse(self.story().given(placed, cancelled), refund, "is cancelled and cannot be refunded", "order_cancelled")


prices = st.integers(0, 10**29).map(str) | st.sampled_from(["0", "1", "450"])
some_lines = st.lists(
    st.builds(Line, sku=st.sampled_from("abc"), quantity=st.integers(1, 3) | st.integers(1, 1_000_000), unit_price=prices),
    min_size=1,
    max_size=4,
).map(tuple)
some_charges = st.lists(st.builds(Charge, kind=st.sampled_from(["postage", "gift"]), amount=prices), max_size=3).map(tuple)
people = st.sampled_from(["ada", "bob"])
commands = st.one_of(
    st.builds(
        PlaceOrder,
        order_id=st.just(ID),
        currency=st.sampled_from(["EUR", "JPY"]),
        customer_ref=people,
        lines=some_lines,
        charges=some_charges,
        external_id=st.none() | st.just("shop:1"),
        pay_from=st.none() | st.just(UUID(int=7)),
    ),
    st.builds(
        UpdateOrder, order_id=st.just(ID), customer_ref=st.none() | people, lines=st.none() | some_lines, charges=st.none() | some_charges
    ),
    st.builds(ConfirmOrder, order_id=st.just(ID), hold_id=st.sampled_from([HOLD, UUID(int=9)])),
    st.builds(RejectOrder, order_id=st.just(ID), reason=st.just("?")),
    st.builds(CancelOrder, order_id=st.just(ID), reason=st.just("?")),
    # Either anything at all, or a part of what the order has: see `fitting` below.
    st.builds(RefundOrder, order_id=st.just(ID), refund_id=st.sampled_from("123"), reason=st.just("?"), lines=some_lines),
    st.builds(RefundOrder, order_id=st.just(UUID(int=2)), refund_id=st.sampled_from("456"), reason=st.just("?")),
)


def fitting(state, command):
    """A refund of everything that the order has left, in place of one of nothing."""
    if isinstance(command, RefundOrder) and not command.lines:
        lines = tuple(Line(sku=sku, quantity=1, unit_price=price) for (kind, sku, price) in state.left if kind == "line")
        return replace(command, order_id=ID, lines=lines[:2])
    return command


class AnyStory(SimpleTestCase):
    @given(st.lists(commands, max_size=12))
    def test_whatever_people_want_the_order_stays_true(self, wishes):
        state, bought, given_back = OrderState(), 0, 0
        for wish in wishes:
            wish = fitting(state, wish)
            try:
                events = decide(state, wish)
            except Refused as refusal:
                self.assertTrue(refusal.code)
                self.assertGreater(len(str(refusal)), 20)
                continue
            for event in events:
                name, version = name_of(type(event))
                read: Any = decode_event(name, version, encode(event))
                self.assertEqual(read, event, "what is recorded is what happened")
                state = evolve(state, read)
                bought = int(getattr(event, "total", bought))
                given_back += int(getattr(event, "amount", 0))
            self.assertEqual(decide(state, wish), [], "the same wish again changes nothing")
            self.assertEqual(state.total, bought)
            self.assertEqual(state.refunded, given_back)
            self.assertLessEqual(state.refunded, state.total)
            self.assertEqual(state.refunded, sum(total_of(refund.lines, refund.charges) for refund in state.refunds))
            left_worth = sum(int(price) * count for (_, _, price), count in state.left.items())
            self.assertEqual(left_worth, state.total - state.refunded)

    @given(some_lines, some_charges)
    def test_goods_come_to_the_total(self, lines, charges):
        worth = sum(int(price) * count for (_, _, price), count in goods(lines, charges).items())
        self.assertEqual(worth, total_of(lines, charges))

    def test_a_new_order_has_nothing(self):
        self.assertEqual((OrderState().status, OrderState().total, OrderState().left), (Status.NEW, 0, Counter()))
