"""Consumers and projections: how far each is, and the switches that staff may turn, each with a reason and an event."""

from unittest import mock

from django.test import TestCase
from django.urls import reverse

from eventstore.clock import now
from eventstore.console import standings
from eventstore.delivery import lay_out, reached
from eventstore.events import OPERATIONS
from eventstore.models import Checkpoint, ConsumerState, Event, ParkedKey
from eventstore.testing import deliver_everything
from orders.handlers import handle
from orders.models import OrderSummary
from tests import staff
from tests.eventstore.delivery.recording import Recording, record
from tests.orders.examples import place

LIST = reverse("admin:eventstore_consumerstate_changelist")
NAME = "orders.order_list"


def page_of(name):
    return reverse("admin:eventstore_consumerstate_change", args=[name])


def act(name, what):
    return reverse("admin:eventstore_consumerstate_act", args=[name, what])


class Lists(TestCase):
    def setUp(self):
        self.client.force_login(staff.ada())

    def line(self, name):
        return next(line for line in self.client.get(LIST).context["lines"] if line.name == name)

    def test_every_consumer_has_a_line_with_its_share_of_the_log(self):
        handle(place)
        line = self.line(NAME)
        self.assertEqual((line.state, line.percent, line.health.lag_events, line.done), ("running", 0, 1, 0))
        with mock.patch.object(standings, "CALM", 0.0):
            self.assertEqual(self.line(NAME).state, "catching up")
        deliver_everything()
        line = self.line(NAME)
        self.assertEqual((line.state, line.percent, line.done, line.events), ("running", 100, 1, 1))
        self.assertEqual([table for table, _ in line.tables], ["orders_ordersummary"])

    def test_almost_all_is_never_told_as_all(self):
        record("counter-1", 3)
        deliver_everything()
        Checkpoint.objects.filter(consumer=NAME, position=3).update(position=2)
        self.assertEqual(self.line(NAME).percent, 66)

    def test_what_the_code_forgot_and_what_the_database_lacks_are_named(self):
        ConsumerState.objects.create(name="old.consumer")
        self.assertEqual((self.line("old.consumer").state, self.line("old.consumer").acts), ("gone", []))
        ConsumerState.objects.filter(name=NAME).delete()
        self.assertEqual((self.line(NAME).state, self.line(NAME).acts), ("missing", []))
        self.assertEqual(self.client.get(page_of("old.consumer")).status_code, 200)
        lay_out()
        self.assertEqual(self.line(NAME).state, "running")

    def test_the_live_part_carries_the_same_numbers_and_no_page(self):
        answer = self.client.get(reverse("admin:eventstore_consumerstate_live"), headers={"HX-Request": "true"})
        self.assertContains(answer, 'id="state-ordersorder_list" hx-swap-oob="innerHTML"')
        self.assertNotContains(answer, "<html")
        self.assertNotContains(answer, "<dialog")

    def test_a_consumers_page_shows_its_partitions_and_what_staff_did(self):
        record("counter-1")
        self.client.post(act(NAME, "pause"), {"reason": "a look at the numbers"})
        answer = self.client.get(page_of(NAME))
        self.assertEqual(len(answer.context["lanes"]), 16)
        self.assertContains(answer, "a look at the numbers")
        self.assertContains(answer, "orders.order_placed")
        self.assertContains(answer, "8 attempts, from 5 s up to")


class Switches(TestCase):
    def post(self, what, name=NAME, **sent):
        return self.client.post(act(name, what), {"reason": "because"} | sent, follow=True)

    def state(self):
        return ConsumerState.objects.get(pk=NAME).state

    def told(self):
        return list(Event.objects.filter(stream=OPERATIONS).order_by("version"))

    def test_who_operates_may_pause_and_resume(self):
        self.client.force_login(staff.ben())
        self.assertContains(self.post("pause"), "orders.order_list is paused")
        self.assertEqual(self.state(), "paused")
        self.assertContains(self.client.get(LIST), "1 paused")
        self.assertContains(self.post("resume"), "goes on where it stood")
        self.assertEqual(self.state(), "running")
        self.assertEqual([event.name for event in self.told()], ["eventstore.consumer_paused", "eventstore.consumer_resumed"])
        self.assertEqual(self.told()[0].data, {"consumer": NAME, "reason": "because"})
        self.assertEqual((self.told()[0].facts["actor"], self.told()[0].facts["reason"]), ("staff:ben", "because"))

    def test_a_rebuild_empties_the_table_and_delivery_fills_it_again(self):
        self.client.force_login(staff.ben())
        handle(place)
        deliver_everything()
        OrderSummary.objects.update(customer_ref="wrong")
        self.assertContains(self.post("rebuild"), "is being filled again from 1 events")
        self.assertEqual((OrderSummary.objects.count(), sum(reached(NAME).heads.values())), (0, 0))
        self.assertEqual(self.told()[0].data["tables"], ["orders_ordersummary"])
        deliver_everything()
        self.assertEqual(OrderSummary.objects.get().customer_ref, "ada")

    def test_a_paused_projection_says_that_it_stays_empty(self):
        self.client.force_login(staff.ben())
        self.post("pause")
        self.assertContains(self.client.get(page_of(NAME)), "so the table stays empty until it is resumed")

    def test_a_plain_consumer_cannot_be_rebuilt(self):
        self.client.force_login(staff.ben())
        Recording(self)
        self.assertContains(self.post("rebuild", name="test.recording"), "this is not possible any more")

    def test_no_reason_no_act(self):
        self.client.force_login(staff.ben())
        for reason in ("", "   ", "x" * 201, "\x00"):
            with self.subTest(len(reason)):
                self.assertContains(self.post("pause", reason=reason), "give a reason of 1 to 200 characters")
        self.assertEqual((self.state(), self.told()), ("running", []))

    def test_doing_it_twice_says_that_somebody_was_first(self):
        self.client.force_login(staff.ben())
        self.post("pause")
        self.assertContains(self.post("pause"), "Nothing was done: this is not possible any more")
        self.assertEqual(len(self.told()), 1)

    def test_who_only_looks_sees_no_button_and_is_refused(self):
        self.client.force_login(staff.cleo())
        for page in (LIST, page_of(NAME)):
            self.assertNotContains(self.client.get(page), 'data-open="act-')
        self.assertEqual(self.post("pause").status_code, 403)
        self.assertEqual(self.state(), "running")

    def test_who_has_no_right_sees_nothing(self):
        self.client.force_login(staff.dan())
        for url in (LIST, page_of(NAME), reverse("admin:eventstore_consumerstate_live")):
            self.assertEqual(self.client.get(url).status_code, 403)
        self.assertEqual(self.post("pause").status_code, 403)

    def test_an_act_is_a_post(self):
        self.client.force_login(staff.ada())
        self.assertEqual(self.client.get(act(NAME, "pause")).status_code, 405)
        self.assertEqual(self.state(), "running")

    def test_an_act_leads_back_only_into_this_house(self):
        self.client.force_login(staff.ada())
        answer = self.client.post(act(NAME, "pause"), {"reason": "x", "next": "https://elsewhere.example/"})
        self.assertRedirects(answer, page_of(NAME))
        answer = self.client.post(act(NAME, "resume"), {"reason": "x", "next": LIST})
        self.assertRedirects(answer, LIST)

    def test_a_rebuild_ends_the_projections_parked_keys(self):
        self.client.force_login(staff.ada())
        ParkedKey.objects.create(consumer=NAME, partition=0, key="order-1", position=1, state="dead", parked_at=now())
        self.post("rebuild")
        self.assertEqual(ParkedKey.objects.get().state, "resolved")
