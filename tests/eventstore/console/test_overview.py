"""The first page: four numbers, everybody's lag, the latest events; and again every two seconds."""

from django.test import TestCase
from django.urls import reverse

from eventstore import health
from eventstore.delivery import Retry
from eventstore.messages import Envelope
from eventstore.models import RelayCheckpoint
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.delivery.recording import Recording, record

INDEX = reverse("admin:index")
LIVE = reverse("admin:live_overview")


def fail(envelope: Envelope) -> None:
    raise ValueError("no")


class Overview(TestCase):
    def setUp(self):
        self.client.force_login(staff.cleo())

    def cards(self, query=""):
        return {card.title: card for card in self.client.get(LIVE + query).context["cards"]}

    def test_an_empty_log_says_how_to_fill_it(self):
        answer = self.client.get(INDEX)
        for text in ("No events yet", "manage.py seed", "curl -X POST http://testserver/api/v1/orders", "never seen"):
            self.assertContains(answer, text)

    def test_what_waits_for_the_relay_and_for_consumers_is_told(self):
        record("counter-1", 3)
        cards = self.cards()
        self.assertEqual((cards["Outbox lag"].note, cards["Outbox lag"].trend), ("3 events wait for the relay", [3.0]))
        self.assertEqual(cards["Worst lag"].value, "3")
        self.assertEqual(cards["Events / s"].note, "3 in the log")
        deliver_everything()
        cards = self.cards()
        self.assertEqual(
            (cards["Outbox lag"].value, cards["Worst lag"].value, cards["Worst lag"].note), ("0", "0", "everyone is up to date")
        )

    def test_a_stopped_relay_is_bad_and_says_where(self):
        RelayCheckpoint.objects.filter(pk=3).update(stopped="the stream's top is not in the log")
        self.assertEqual((self.cards()["Outbox lag"].tone, self.cards()["Outbox lag"].note), ("bad", "the relay stopped in 1 partitions"))
        self.assertContains(self.client.get(INDEX), "the stream&#x27;s top is not in the log")

    def test_dead_letters_and_their_keys_are_in_sight(self):
        told = Recording(self, retry=Retry(attempts=1))
        told.rule = fail
        record("counter-1", 2)
        deliver_everything()
        self.assertEqual((self.cards()["Dead letters"].value, self.cards()["Dead letters"].tone), ("1", "bad"))
        self.assertContains(self.client.get(INDEX), "counter-1")

    def test_a_heartbeat_says_that_beat_broker_and_worker_live(self):
        health.beat("sweep")
        self.assertContains(self.client.get(INDEX), "alive")

    def test_the_page_carries_its_trends_itself(self):
        record("counter-1", 2)
        self.assertEqual(self.cards("?lag=5,4,3")["Worst lag"].trend, [5.0, 4.0, 3.0, 2.0])
        self.assertContains(self.client.get(LIVE + "?lag=5"), '<input type="hidden" name="lag" value="5,2">')

    def test_a_trend_takes_two_minutes_and_no_nonsense(self):
        self.assertEqual(len(self.cards("?lag=" + ",".join(["1"] * 5000))["Worst lag"].trend), 60)
        for nonsense in ("x", "nan,inf,-1,1e9", "<script>", "9" * 400, "%00", "٣"):
            with self.subTest(nonsense):
                self.assertEqual(self.cards("?lag=" + nonsense)["Worst lag"].trend, [0.0])

    def test_the_live_part_is_a_part(self):
        self.assertNotContains(self.client.get(LIVE), "<html")

    def test_everybody_sees_what_they_may(self):
        self.client.force_login(staff.dan())
        record("counter-1")
        answer = self.client.get(INDEX)
        self.assertContains(answer, "You may log in, but not see events")
        self.assertNotContains(answer, 'hx-get="/admin/live/overview/"')
        for text in ("counter-1", "orders.order_list"):
            self.assertNotContains(self.client.get(LIVE), text)
