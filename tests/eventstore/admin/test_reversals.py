"""The page that takes an event back: what would be done, why not, and then it is done once with a reason."""

from django.test import TestCase
from django.urls import reverse as url

from eventstore.log import read_stream
from eventstore.models import Event, ReversedEvent
from orders.commands import CancelOrder, UpdateOrder
from orders.domain import orders
from orders.handlers import handle
from tests import staff
from tests.eventstore.delivery.recording import record
from tests.orders.examples import ID, place


class Reversing(TestCase):
    def setUp(self):
        handle(place)
        handle(UpdateOrder(order_id=ID, customer_ref="bob"))
        handle(UpdateOrder(order_id=ID, customer_ref="cleo"))
        self.client.force_login(staff.ada())

    def event(self, version):
        return Event.objects.get(stream=orders.stream(ID), version=version)

    def page(self, version):
        return self.client.get(url("admin:eventstore_event_change", args=[self.event(version).pk]))

    def address(self, version):
        return url("admin:eventstore_event_reverse", args=[self.event(version).pk])

    def test_the_page_shows_what_would_be_done_and_does_nothing(self):
        self.assertContains(self.page(3), self.address(3))
        answer = self.client.get(self.address(3))
        for words in ("orders.update_order", "orders.order_updated", "bob", "Reverse it"):
            self.assertContains(answer, words)
        self.assertEqual((len(read_stream(orders.stream(ID))), ReversedEvent.objects.count()), (3, 0))

    def test_it_is_done_with_a_reason_and_both_events_say_so(self):
        answer = self.client.post(self.address(3), {"reason": "wrong customer"}, follow=True)
        self.assertContains(answer, "orders.update_order reversed it")
        self.assertContains(answer, "Reversed by")
        self.assertContains(answer, "staff:ada: “wrong customer”")
        self.assertNotContains(answer, self.address(3))
        back = self.event(4)
        self.assertEqual((back.data["customer_ref"], back.facts["reason"]), ("bob", "wrong customer"))
        self.assertContains(self.page(4), "Reverses")
        self.assertContains(self.page(4), url("admin:eventstore_event_change", args=[self.event(3).pk]))
        again = self.client.post(self.address(3), {"reason": "once more"}, follow=True)
        self.assertContains(again, "Nothing was done: orders.order_updated")
        self.assertEqual(len(read_stream(orders.stream(ID))), 4)

    def test_what_stands_on_it_is_listed_and_nothing_can_be_pressed(self):
        answer = self.client.get(self.address(2))
        self.assertContains(answer, "What stands on it")
        self.assertContains(answer, url("admin:eventstore_event_change", args=[self.event(3).pk]))
        self.assertNotContains(answer, 'name="reason"')
        self.assertContains(answer, self.address(3))
        self.assertContains(self.client.post(self.address(2), {"reason": "so"}, follow=True), "Nothing was done: Something stands on")

    def test_why_not_is_told(self):
        handle(CancelOrder(order_id=ID, reason="no"))
        self.assertContains(self.client.get(self.address(4)), "orders.order_cancelled cannot be reversed.")

    def test_without_a_reason_nothing_is_done(self):
        self.assertContains(self.client.post(self.address(3), {"reason": " "}, follow=True), "give a reason")
        self.assertEqual(len(read_stream(orders.stream(ID))), 3)

    def test_who_only_looks_sees_no_button_and_opens_no_door(self):
        self.client.force_login(staff.ben())
        self.assertContains(self.page(3), self.address(3))
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.page(3), self.address(3))
        self.assertEqual(self.client.get(self.address(3)).status_code, 403)
        self.assertEqual(self.client.post(self.address(3), {"reason": "so"}).status_code, 403)

    def test_an_unknown_event_leads_back_to_the_list(self):
        record("counter-1")
        answer = self.client.get(url("admin:eventstore_event_reverse", args=["00000000-0000-0000-0000-000000000009"]))
        self.assertRedirects(answer, url("admin:eventstore_event_changelist"))


class Slider(TestCase):
    """The states of a stream, one version at a time."""

    STREAM = "counter-1"

    def setUp(self):
        self.client.force_login(staff.ada())
        record(self.STREAM, 4)  # each raises by one
        self.address = url("admin:eventstore_stream", args=[self.STREAM])

    def stop(self, query="", **headers):
        answer = self.client.get(self.address + query, headers=headers)
        return answer.context["stop"], answer

    def test_without_a_question_it_stands_at_the_newest_version(self):
        stop, answer = self.stop()
        self.assertEqual((stop.at, stop.against, stop.state), (4, 3, {"total": 4}))
        self.assertEqual([(c.path, c.before, c.after) for c in stop.changes], [("total", 3, 4)])
        self.assertContains(answer, '<input type="range" id="at" name="at" min="1" max="4" value="4"')
        self.assertContains(answer, 'href="?at=3#moment"')

    def test_any_version_and_any_two(self):
        stop, answer = self.stop("?at=1")
        self.assertEqual((stop.against, stop.state), (0, {"total": 1}))
        self.assertContains(answer, "before the first event")
        stop, answer = self.stop("?at=4&against=1")
        self.assertEqual([(c.before, c.after) for c in stop.changes], [(1, 4)])
        self.assertContains(answer, 'href="?at=3&amp;against=1#moment"')
        self.assertEqual([(c.before, c.after) for c in self.stop("?at=1&against=4")[0].changes], [(4, 1)])

    def test_a_time_or_a_position_leads_to_its_version(self):
        second = read_stream(self.STREAM)[1]
        for told in (second.recorded_at.isoformat().replace("+", "%2B"), f"{second.partition}-{second.position}", "2"):
            self.assertEqual(self.stop(f"?as_of={told}")[0].at, 2, told)
        stop, answer = self.stop("?as_of=soon")
        self.assertEqual(stop.at, 4)
        self.assertContains(answer, "is no moment")
        self.assertContains(self.stop("?as_of=2001-01-01T00:00Z")[1], "began later")

    def test_a_move_asks_only_for_what_changes_and_keeps_the_address(self):
        stop, answer = self.stop("?at=2&against=", HX_Request="true", HX_Trigger="slider")
        self.assertEqual(stop.at, 2)
        self.assertNotContains(answer, "<html")
        self.assertNotContains(answer, "hx-swap-oob")
        self.assertEqual(answer["HX-Replace-Url"], f"{self.address}?at=2")
        self.assertContains(self.stop("?at=2", HX_Request="true", HX_Trigger="slide-back")[1], 'hx-swap-oob="true"')

    def test_hostile_questions_get_an_answer(self):
        for query in ("?at=0", "?at=-3", "?at=" + "9" * 40, "?at=x", "?at=٣", "?against=99", "?as_of=%00", "?at=2&against=x"):
            with self.subTest(query):
                stop, answer = self.stop(query)
                self.assertEqual((answer.status_code, 1 <= stop.at <= 4, 0 <= stop.against <= 4), (200, True, True))

    def test_a_stream_that_nobody_owns_has_no_slider(self):
        record("nobody-1")
        answer = self.client.get(url("admin:eventstore_stream", args=["nobody-1"]))
        self.assertIsNone(answer.context["stop"])
