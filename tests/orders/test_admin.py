"""What staff see of orders, and cancelling one: a command with a reason, never an edited field."""

from uuid import UUID

from django.test import TestCase
from django.urls import reverse
from msgspec.structs import replace

from eventstore.delivery import pause
from eventstore.log import read_stream
from eventstore.testing import deliver_everything
from orders.commands import ConfirmOrder, RefundOrder, RejectOrder, UpdateOrder
from orders.domain import orders
from orders.events import OrderCancelled
from orders.handlers import handle
from orders.models import Order
from tests import staff
from tests.orders.examples import HOLD, ID, ONE_TEA, place

LIST = reverse("admin:orders_ordersummary_changelist")
PAGE = reverse("admin:orders_ordersummary_change", args=[ID])
CANCEL = reverse("admin:orders_ordersummary_act", args=[ID, "cancel"])


class Screens(TestCase):
    def setUp(self):
        self.client.force_login(staff.cleo())
        handle(place)
        deliver_everything()

    def test_the_list_shows_state_customer_and_money(self):
        answer = self.client.get(LIST)
        for text in ("placed", "ada", "84.00 EUR", PAGE):
            self.assertContains(answer, text)

    def test_it_is_searched_by_order_and_customer_and_filtered_by_status(self):
        for query, found in {f"q={ID}": 1, "q=ada": 1, "q=ad": 0, "status=placed": 1, "status=cancelled": 0, "q=%00": 1}.items():
            with self.subTest(query):
                self.assertEqual(len(self.client.get(f"{LIST}?{query}").context["cl"].result_list), found)

    def test_an_order_shows_its_lines_its_story_and_where_they_are_from(self):
        handle(UpdateOrder(order_id=ID, lines=(replace(ONE_TEA, sku="抹茶 <b>"),)))
        handle(RefundOrder(order_id=ID, refund_id="r1", lines=(replace(ONE_TEA, sku="抹茶 <b>"),), reason="spilled"))
        deliver_everything()
        answer = self.client.get(PAGE)
        for text in (
            "抹茶 &lt;b&gt;",
            "4.50 EUR",
            "postage",
            "3.00 EUR",
            "7.50 EUR",
            "spilled",
            "Placed: 2 lines for 84.00 EUR.",
            "Changed: 1 line for 7.50 EUR.",
        ):
            self.assertContains(answer, text)
        self.assertContains(answer, reverse("admin:eventstore_stream", args=[orders.stream(ID)]))
        self.assertNotContains(answer, "minor units")

    def test_a_confirmed_order_says_what_pays_for_it(self):
        paid, account = (
            replace(place, order_id=UUID(int=2), pay_from=UUID(int=7)),
            reverse("admin:ledger_balance_change", args=[UUID(int=7)]),
        )
        handle(paid)
        handle(ConfirmOrder(order_id=paid.order_id, hold_id=HOLD))
        handle(RejectOrder(order_id=ID, reason="no money"))
        deliver_everything()
        answer = self.client.get(reverse("admin:orders_ordersummary_change", args=[paid.order_id]))
        for text in ("confirmed", account, reverse("admin:ledger_hold_change", args=[HOLD]), "Confirmed: the money is held"):
            self.assertContains(answer, text)
        self.assertContains(self.client.get(PAGE), "Rejected: no money")
        self.assertEqual(len(self.client.get(f"{LIST}?status=confirmed").context["cl"].result_list), 1)

    def test_an_order_leads_to_its_process_and_to_what_waits_for_a_person(self):
        large = replace(place, order_id=UUID(int=3), pay_from=UUID(int=7), lines=(replace(ONE_TEA, unit_price="900000"),))
        handle(large)
        deliver_everything()
        page = self.client.get(reverse("admin:orders_ordersummary_change", args=[large.order_id]))
        for screen, label in (("sagainstance", "orders.fulfilment"), ("approval", "Large order")):
            self.assertContains(page, label)
            self.assertContains(page, reverse(f"admin:eventstore_{screen}_changelist"))
        self.assertEqual([find.kind for find in page.context["around"]], ["approval", "saga"])
        self.assertEqual(self.client.get(PAGE).context["around"], [])

    def test_the_reason_of_a_rejection_has_its_amounts_as_people_write_them(self):
        handle(RejectOrder(order_id=ID, reason="No money could be held: available 8750 EUR, requested 92400 EUR"))
        deliver_everything()
        self.assertContains(self.client.get(PAGE), "available 87.50 EUR, requested 924.00 EUR", count=2)

    def test_what_is_still_on_its_way_is_told(self):
        handle(UpdateOrder(order_id=ID, customer_ref="ben"))
        self.assertContains(self.client.get(PAGE), "1 newer event is on the way")


class Cancelling(TestCase):
    def setUp(self):
        self.client.force_login(staff.ben())
        handle(place)
        deliver_everything()

    def cancel(self, **sent):
        return self.client.post(CANCEL, {"reason": "changed her mind", "seen": "1"} | sent, follow=True)

    def names(self):
        return [envelope.name for envelope in read_stream(orders.stream(ID))]

    def test_the_page_offers_it_with_its_effect(self):
        answer = self.client.get(PAGE)
        self.assertContains(answer, "The order of ada over 84.00 EUR will not be fulfilled.")
        self.assertContains(answer, '<input type="hidden" name="seen" value="1">')

    def test_it_is_a_command_that_carries_who_and_why(self):
        answer = self.cancel()
        self.assertContains(answer, "The order is cancelled.")
        self.assertContains(answer, "a moment behind", msg_prefix="no worker runs in this test")
        event = read_stream(orders.stream(ID))[-1]
        self.assertEqual(event.event, OrderCancelled(order_id=ID, reason="changed her mind"))
        self.assertEqual((event.actor, event.facts["reason"]), ("staff:ben", "changed her mind"))
        deliver_everything()
        self.assertContains(self.client.get(PAGE), "cancelled")
        self.assertNotContains(self.client.get(PAGE), "Cancel order…")

    def test_an_order_that_changed_meanwhile_is_left_alone(self):
        handle(UpdateOrder(order_id=ID, customer_ref="cleo"))
        self.assertContains(self.cancel(), "Nothing was done: it changed meanwhile.")
        self.assertEqual(self.names(), ["orders.order_placed", "orders.order_updated"])

    def test_a_page_that_says_not_what_it_showed_changes_nothing(self):
        for seen in ("", "x", "-1", "9" * 30, "٣"):
            with self.subTest(seen):
                self.assertContains(self.cancel(seen=seen), "Nothing was done")
        self.assertEqual(Order.objects.get().status, "placed")

    def test_what_the_rules_refuse_is_told_in_their_words(self):
        pause("orders.order_list", "the page falls behind")
        handle(RefundOrder(order_id=ID, refund_id="r1", lines=(ONE_TEA,), reason="chipped"))
        deliver_everything()
        self.assertContains(self.cancel(seen="2"), "has refunds")
        self.assertEqual(Order.objects.get().status, "placed")

    def test_a_reason_is_needed(self):
        self.assertContains(self.cancel(reason=" "), "give a reason")
        self.assertEqual(self.names(), ["orders.order_placed"])

    def test_who_may_only_look_sees_no_button_and_is_refused(self):
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(PAGE), "Cancel order")
        self.assertEqual(self.cancel().status_code, 403)
        self.assertEqual(self.names(), ["orders.order_placed"])
