"""What was promised comes within its time; else the failure says at which place the event hangs."""

from datetime import timedelta
from unittest import mock

from django.db import OperationalError
from django.db.models import F
from django.test import TestCase

from eventstore import delivery, runs
from eventstore.context import acting
from eventstore.delivery import Retry, drain, relay_partition, transport
from eventstore.errors import TransportDown
from eventstore.models import ParkedKey, RelayCheckpoint, SagaDeadline
from eventstore.testing import TookTooLong, collect, deliver_everything, eventually, produce, where_it_hangs
from orders.models import OrderSummary
from tests.eventstore.examples import Noted, Raised
from tests.eventstore.sagas import trips
from tests.orders.examples import ID, placed

SOON, NOW = timedelta(seconds=5), timedelta(0)


class Waiting(TestCase):
    def test_it_passes_with_the_value(self):
        produce(f"order-{ID}", placed)
        row = eventually(lambda: OrderSummary.objects.get(pk=ID), within=SOON)
        self.assertEqual(row.total, 8400)

    def test_an_assertion_is_a_look_that_found_nothing_yet(self):
        looks = []

        def check():
            looks.append(1)
            self.assertEqual(len(looks), 3)
            return "there"

        self.assertEqual(eventually(check, within=SOON, deliver=False), "there")

    def test_past_its_time_it_fails_with_the_last_look(self):
        with self.assertRaisesMessage(
            TookTooLong, "Not within 0.05 s; the last look found None.\nWhere it hangs:\n- nowhere: every consumer"
        ):
            eventually(lambda: None, within=timedelta(milliseconds=50))
        with self.assertRaisesMessage(TookTooLong, "DoesNotExist: OrderSummary matching query does not exist"):
            eventually(lambda: OrderSummary.objects.get(pk=ID), within=NOW)

    def test_other_errors_are_not_waited_for(self):
        with self.assertRaises(ZeroDivisionError):
            eventually(lambda: 1 / 0, within=SOON)

    def test_where_workers_deliver_it_only_looks(self):
        produce("counter-1", Raised())
        with mock.patch("eventstore.testing.waiting.conf") as conf, self.assertRaisesMessage(TookTooLong, "not relayed"):
            conf.return_value.WAKE = True
            eventually(lambda: None, within=timedelta(milliseconds=50))


class Hanging(TestCase):
    """Each place on the way from the log to a consumer."""

    def setUp(self):
        transport().flush()
        deliver_everything()
        self.enterContext(collect(Raised, rule=lambda envelope: self.rule(envelope), retry=Retry(attempts=3)))
        self.rule = lambda envelope: None
        self.consumer = delivery.consumer_named("testing.collector")
        self.first, self.event = produce("counter-1", Raised(by=1), Raised(by=2))
        self.lane = self.event.partition

    def assertHangs(self, *sentences, event=None):
        with self.assertRaises(TookTooLong) as caught:
            eventually(lambda: None, within=NOW, event=event, deliver=False)
        for sentence in sentences:
            self.assertIn(sentence, str(caught.exception))
        return str(caught.exception)

    def test_not_relayed(self):
        self.assertHangs(
            f"not relayed: partition {self.lane} is published up to 0 of 2, for ",
            f"testing.collector is behind: partition {self.lane}, checkpoint at 0 of 2.",
            event=self.event,
        )

    def test_the_relay_stopped(self):
        RelayCheckpoint.objects.filter(partition=self.lane).update(stopped="the log was restored")
        self.assertHangs(f"the relay of partition {self.lane} stopped at 0 of 2: the log was restored")

    def test_the_stream_is_behind(self):
        relay_partition(self.lane)
        transport().flush()
        self.assertHangs(f"stream behind: the stream of partition {self.lane} ends at 0, though 2 of 2 were published.", event=self.event)

    def test_the_streams_do_not_answer(self):
        with mock.patch.object(transport(), "top", side_effect=TransportDown(reason="connection refused")):
            self.assertHangs("the streams do not answer", "connection refused")

    def test_a_consumer_is_paused(self):
        delivery.pause("testing.collector", "a test")
        self.assertHangs(f"testing.collector is paused: partition {self.lane}, checkpoint at 0 of 2. Resume it.", event=self.event)

    def test_a_checkpoint_is_behind_after_tries_that_did_not_end(self):
        def away(envelope):
            raise OperationalError("server closed the connection")

        self.rule = away
        with self.assertRaises(OperationalError):
            drain(self.consumer, self.lane)
        self.assertHangs(f"is behind: partition {self.lane}, checkpoint at 0 of 2; 1 tries were begun there and none ended.")

    def test_a_key_is_parked(self):
        def refuse(envelope):
            raise ValueError("no twos")

        self.rule = lambda envelope: refuse(envelope) if envelope.event == Raised(by=2) else None
        deliver_everything()
        sentence = f"since partition {self.lane} position 2: ValueError: no twos"
        self.assertHangs("counter-1 is parked for testing.collector (retrying, 1 attempts, tried again at ", sentence, event=self.event)
        self.assertEqual(where_it_hangs(self.first), [], "the event before it has arrived")
        (behind,) = produce("counter-1", Raised(by=3))
        deliver_everything()
        self.assertHangs("counter-1 is parked", event=behind)
        (other,) = produce("counter-2", Raised(by=4))
        deliver_everything()
        self.assertEqual(where_it_hangs(other), [])
        ParkedKey.objects.update(state="dead", next_attempt_at=None)
        self.assertHangs("(dead, 1 attempts)")

    def test_a_run_waits(self):
        deliver_everything()
        with acting(actor="user:ada"):
            run = runs.rebuild_beside("orders.order_list", reason="a test")
        deliver_everything()
        self.assertHangs(f"run {run.pk} of orders.order_list is running; does a worker of the queue runs work?")
        with acting(actor="user:ada"):
            runs.change(run.pk, "pause", "a test")
        deliver_everything()
        self.assertHangs("is paused; resume it.")

    def test_a_command_of_a_saga_waits(self):
        trips.declare(self)
        trips.Seats.rule = staticmethod(self.no_train)
        (booked,) = produce("trip-a", trips.TripBooked(trip="a"))
        deliver_everything()
        told = "test.reserve_seat, sent by saga test.trip of a, was not carried out yet (1 attempts, the last one ended with "
        self.assertHangs(told + "LookupError: no train)", event=booked)
        self.assertNotIn("test.reserve_seat", self.assertHangs(event=self.event))

    def no_train(self, wanted):
        raise LookupError("no train")

    def test_a_deadline_of_a_saga_passed_and_nobody_fired_it(self):
        saga = trips.declare(self)
        saga.handlers.pop("test.seat_reserved")
        (booked,) = produce("trip-a", trips.TripBooked(trip="a"))
        deliver_everything()
        SagaDeadline.objects.update(due_at=F("due_at") - timedelta(hours=1))
        self.assertHangs("the deadline seat of saga test.trip of a passed and was not fired; does beat run?", event=booked)

    def test_nobody_is_interested(self):
        (noted,) = produce("counter-9", Noted(text="so"))
        deliver_everything()
        self.assertHangs("no consumer handles test.noted.", event=noted)

    def test_it_has_arrived(self):
        deliver_everything()
        self.assertHangs("nowhere: every consumer has taken every event.", event=self.event)
