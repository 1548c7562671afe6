"""Parked keys: what went wrong, who lines up behind, and trying again now."""

from django.test import TestCase
from django.urls import reverse

from eventstore.delivery import Retry
from eventstore.events import OPERATIONS
from eventstore.models import Event, ParkedKey
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.delivery.recording import Recording, record

LIST = reverse("admin:eventstore_parkedkey_changelist")
STREAM = "counter-1"


class ParkedKeys(TestCase):
    def setUp(self):
        self.told = Recording(self, retry=Retry(attempts=1))
        self.broken = {2}

        def fail(envelope):
            if envelope.version in self.broken:
                raise ValueError(f"no such customer: ada@example.org in <b>{envelope.version}</b>")

        self.told.rule = fail
        record(STREAM, 4)
        deliver_everything()
        self.key = ParkedKey.objects.get()
        self.page = reverse("admin:eventstore_parkedkey_change", args=[self.key.pk])

    def retry(self, **sent):
        url = reverse("admin:eventstore_parkedkey_act", args=[self.key.pk, "retry"])
        return self.client.post(url, {"reason": "the service is back"} | sent, follow=True)

    def test_the_list_says_what_waits_for_whom_and_why(self):
        self.client.force_login(staff.cleo())
        answer = self.client.get(LIST)
        row = answer.context["cl"].result_list[0]
        self.assertEqual((row.followers, row.failure.error_class), (2, "ValueError"))
        for text in ("dead", "test.recording", "ValueError", "no such customer: …", "&lt;b&gt;"):
            self.assertContains(answer, text)
        self.assertNotContains(answer, "ada@example.org")

    def test_only_what_waits_is_listed_unless_asked_otherwise(self):
        self.client.force_login(staff.cleo())
        ParkedKey.objects.update(state="resolved")
        self.assertContains(self.client.get(LIST), "Nothing is failing")
        for query, found in {
            "?state=resolved": 1,
            "?state=all": 1,
            "?state=dead": 0,
            f"?q={STREAM}&state=all": 1,
            "?q=counter&state=all": 0,
        }.items():
            with self.subTest(query):
                self.assertEqual(len(self.client.get(LIST + query).context["cl"].result_list), found)
        self.assertEqual(len(self.client.get(LIST + "?state=all&consumer=test.recording").context["cl"].result_list), 1)
        self.assertEqual(len(self.client.get(LIST + "?state=all&consumer=orders.timeline").context["cl"].result_list), 0)

    def test_its_page_shows_the_failure_the_trace_and_the_line(self):
        self.client.force_login(staff.cleo())
        answer = self.client.get(self.page)
        for text in ("Traceback", "its retries are spent", "2 behind the failed event", "1 attempt,"):
            self.assertContains(answer, text)
        self.assertEqual([event.version for event in answer.context["events"]], [2, 3, 4])
        self.assertContains(answer, reverse("admin:eventstore_event_change", args=[Event.objects.get(stream=STREAM, version=2).pk]))
        self.assertNotContains(answer, "ada@example.org")

    def test_a_retry_that_goes_well_takes_the_whole_line_in_order(self):
        self.client.force_login(staff.ben())
        self.broken.clear()
        self.assertContains(self.retry(), "It went well: 3 events took effect")
        self.assertEqual(self.told.seen, [(STREAM, 1), (STREAM, 2), (STREAM, 3), (STREAM, 4)])
        self.key.refresh_from_db()
        self.assertEqual(self.key.state, "resolved")
        asked = Event.objects.get(stream=OPERATIONS)
        self.assertEqual((asked.name, asked.facts["actor"]), ("eventstore.retry_requested", "staff:ben"))
        self.assertEqual((asked.data["key"], asked.data["reason"]), (STREAM, "the service is back"))

    def test_a_retry_that_fails_says_so_and_keeps_waiting(self):
        self.client.force_login(staff.ben())
        answer = self.retry()
        self.assertContains(answer, "It failed again; the newest error is below")
        self.assertContains(answer, 'class="error"')
        self.broken = {3}
        self.assertContains(self.retry(), "It failed again after 1 event took effect")
        self.assertEqual(self.told.seen, [(STREAM, 1), (STREAM, 2)])

    def test_what_does_not_wait_any_more_is_not_tried_again(self):
        self.client.force_login(staff.ben())
        self.broken.clear()
        self.retry()
        self.assertContains(self.retry(), "Nothing was done")
        self.assertNotContains(self.client.get(self.page), "Retry now")
        self.assertEqual(len(self.told.seen), 4)

    def test_rights_are_respected(self):
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(self.page), "Retry now")
        self.assertEqual(self.retry().status_code, 403)
        self.client.force_login(staff.dan())
        for url in (LIST, self.page):
            self.assertEqual(self.client.get(url).status_code, 403)
        self.assertFalse(Event.objects.filter(stream=OPERATIONS).exists())

    def test_the_navigation_counts_the_dead(self):
        self.client.force_login(staff.cleo())
        self.assertContains(self.client.get(reverse("admin:live_badges")), '<span class="pill bad" title="1 dead, 0 retrying">1</span>')
