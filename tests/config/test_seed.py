"""Demo data: the same invention every time, made once, and never by mistake."""

import json
from collections import Counter
from io import StringIO
from unittest.mock import patch

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, TestCase, override_settings

from config.demo.stories import CUSTOMERS, PAYERS, POISON, order_stories, payments
from eventstore.log import current_position, read_everything
from eventstore.models import SagaInstance
from eventstore.testing import deliver_everything
from orders.domain import OrderState, decide, orders
from orders.models import Order, OrderSummary


def seed(*arguments):
    out = StringIO()
    call_command("seed", "--json", *arguments, stdout=out)
    return json.loads(out.getvalue())


class Stories(SimpleTestCase):
    def test_the_same_seed_tells_the_same_stories_and_another_one_others(self):
        self.assertEqual(list(order_stories(30, 7)), list(order_stories(30, 7)))
        self.assertNotEqual(list(order_stories(30, 7)), list(order_stories(30, 8)))

    def test_every_step_is_possible_and_later_than_the_one_before(self):
        kinds = set()
        for story in order_stories(200, 7):
            state = OrderState()
            for step in story:
                events = decide(state, step.command)
                self.assertEqual(len(events), 1)
                state = orders.fold(events, state)
                kinds.add(type(events[0]).__name__)
            agos = [step.ago for step in story]
            self.assertEqual(agos, sorted(agos, reverse=True))
            self.assertGreater(min(agos).total_seconds(), 0)
        self.assertEqual(kinds, {"OrderPlaced", "OrderUpdated", "OrderCancelled", "OrderRefunded"})

    def test_nobody_takes_out_more_than_they_paid_in(self):
        for customer in CUSTOMERS:
            held = 0
            for payment in payments(customer, 7):
                held += payment.amount if payment.paid_in else -payment.amount
                self.assertGreaterEqual(held, 0)


@override_settings(DEMO=True)
class Seeding(TestCase):
    def test_a_second_run_does_nothing(self):
        first = seed("--orders", "40")
        self.assertEqual((first["orders_created"], first["accounts_opened"]), (40, len(CUSTOMERS) + len(PAYERS)))
        self.assertEqual(first["events_appended"], sum(current_position().heads.values()))
        head = current_position()
        second = seed("--orders", "40")
        self.assertEqual(current_position(), head)
        self.assertEqual((second["orders_created"], second["orders_known"], second["events_appended"]), (0, 40, 0))
        self.assertEqual((first["paid_orders_created"], second["paid_orders_created"]), (7, 0))
        self.assertIsNone(second["viewer_password"])

    def test_every_order_is_a_story_of_its_own_and_lies_in_the_past(self):
        seed("--orders", "40")
        stories: dict[str, set[str]] = {}
        for envelope in read_everything(100):
            self.assertLess(envelope.occurred_at, envelope.recorded_at)
            stories.setdefault(envelope.correlation, set()).add(envelope.stream)
        self.assertTrue(all(len(streams) == 1 for name, streams in stories.items() if not name.startswith("demo-")))

    def test_one_customer_is_there_to_stumble_over(self):
        seed("--orders", "5")
        deliver_everything()
        self.assertEqual(OrderSummary.objects.filter(customer_ref=POISON).count(), 1)
        self.assertEqual(Order.objects.get(customer_ref=POISON).version, 2)

    def test_orders_that_are_paid_are_confirmed_lack_money_or_wait_for_a_person(self):
        seed("--orders", "1")
        deliver_everything()
        told = Counter(SagaInstance.objects.filter(saga="orders.fulfilment").values_list("status", "outcome", "state__phase"))
        self.assertEqual(
            told, {("finished", "confirmed", "confirmed"): 4, ("finished", "rejected", "no money"): 1, ("running", "", "approving"): 2}
        )

    def test_the_second_login_looks_and_does_not_touch(self):
        password = seed("--orders", "1")["viewer_password"]
        viewer = User.objects.get(username="viewer")
        self.assertTrue(viewer.check_password(password))
        self.assertTrue(viewer.has_perm("orders.view_ordersummary"))
        self.assertFalse(any(name.split(".")[1].startswith(("add_", "change_", "delete_")) for name in viewer.get_all_permissions()))


class NotByMistake(TestCase):
    def test_real_books_are_left_alone_unless_somebody_means_it(self):
        with self.assertRaisesMessage(CommandError, "This is no demo (DAYBOOK_DEMO is not set)."):
            seed("--orders", "3", "--noinput")
        with patch("builtins.input", return_value="no"), self.assertRaisesMessage(CommandError, "Nothing was done."):
            seed("--orders", "3", "--anyway")
        self.assertFalse(Order.objects.exists())
        self.assertEqual(seed("--orders", "3", "--anyway", "--noinput")["orders_created"], 3)

    @override_settings(DEMO=True)
    def test_a_number_that_makes_no_sense_is_said(self):
        for orders_wanted in ("0", "-1", "100001"):
            with self.assertRaisesMessage(CommandError, "it goes from 1 to 100000"):
                seed("--orders", orders_wanted)
