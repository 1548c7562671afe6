"""A producer and a consumer for tests: what really was appended, and what a consumer really got."""

from datetime import UTC, datetime, timedelta

from django.test import TestCase

from eventstore.delivery import Retry, all_consumers, drain
from eventstore.delivery.relay import relay_partition
from eventstore.log import unit_of_work
from eventstore.models import Checkpoint, ConsumerState, ParkedKey
from eventstore.testing import Breach, collect, deliver_everything, produce
from tests.eventstore.examples import Noted, Raised
from tests.eventstore.testing.test_stories import Failing

LONG_AGO = datetime(2020, 2, 2, tzinfo=UTC)


class Producing(TestCase):
    def test_events_are_recorded_with_their_facts(self):
        first, second = produce("counter-1", Raised(by=1), Noted(text="so"), actor="user:ada", occurred_at=LONG_AGO, reason="a test")
        self.assertEqual((first.event, second.event), (Raised(by=1), Noted(text="so")))
        self.assertEqual((first.version, second.version, second.position), (1, 2, first.position + 1))
        self.assertEqual((first.actor, first.facts["reason"], first.occurred_at), ("user:ada", "a test", LONG_AGO))
        self.assertEqual(first.correlation, second.correlation)
        (third,) = produce("counter-1", Raised(by=3), correlation=first.correlation)
        self.assertEqual((third.version, third.correlation), (3, first.correlation))

    def test_inside_a_unit_of_work_nothing_would_be_recorded_yet(self):
        with self.assertRaisesMessage(AssertionError, "produce() was called inside a unit of work"), unit_of_work():
            produce("counter-1", Raised())


class Collecting(TestCase):
    def test_it_gets_what_is_recorded_from_now_on_once_and_in_order(self):
        produce("counter-1", Raised(by=1))
        with collect(Raised) as collected:
            produce("counter-1", Raised(by=2), Noted(text="not asked for"), Raised(by=3), actor="user:ada")
            deliver_everything()
            deliver_everything()
            collected.then(Raised(by=2), Raised(by=3))
            collected.then_count(2)
            collected.then_once_in_order()
            self.assertEqual([envelope.actor for envelope in collected.envelopes], ["user:ada", "user:ada"])

    def test_from_the_beginning_and_of_all_classes(self):
        produce("counter-1", Raised(by=1), Noted(text="so"))
        with collect(start="beginning") as collected:
            deliver_everything()
            collected.then(Raised(by=1), Noted(text="so"))

    def test_what_failed_is_not_there_and_counts_as_waiting(self):
        def refuse_three(envelope):
            if envelope.event == Raised(by=3):
                raise ValueError("three")

        with collect(Raised, rule=refuse_three, retry=Retry(attempts=2)) as collected:
            produce("counter-1", Raised(by=1), Raised(by=3), Raised(by=4))
            produce("counter-2", Raised(by=2))
            deliver_everything()
            self.assertCountEqual(collected.events, [Raised(by=1), Raised(by=2)])
            collected.then_once_in_order()

    def test_it_tells_what_it_did_not_get(self):
        with collect(Raised) as collected:
            produce("counter-1", Raised(by=1))
            with Failing(self, ["did not happen: Raised(by=1"]):
                collected.then(Raised(by=1))
            with Failing(self, ["testing.collector got 0 events, expected were 1"]):
                collected.then_count(1)
            with self.assertRaisesMessage(Breach, "counter-1: version 1 never took effect"):
                collected.then_once_in_order()

    def test_twice_out_of_order_and_from_nowhere_are_breaches(self):
        with collect(Raised) as collected:
            recorded = produce("counter-1", Raised(by=1), Raised(by=2))
            deliver_everything()
            collected.consumer.handle([recorded[0]])
            with self.assertRaisesMessage(Breach, "counter-1: version 1 took effect more than once"):
                collected.then_once_in_order()
        with collect(Raised, start="beginning") as collected:
            collected.consumer.handle(recorded[::-1])
            with self.assertRaisesMessage(Breach, "counter-1: out of order: [2, 1]"):
                collected.then_once_in_order()
        with collect(Raised) as collected:
            collected.consumer.handle(recorded)
            with self.assertRaisesMessage(Breach, "took effect, though it waits parked or is not in the log"):
                collected.then_once_in_order()

    def test_nothing_of_it_stays_behind(self):
        with collect(Raised, name="testing.guest") as collected:
            (recorded,) = produce("counter-1", Raised())
            relay_partition(recorded.partition)
            drain(collected.consumer, recorded.partition)
        self.assertNotIn("testing.guest", [consumer.name for consumer in all_consumers()])
        for rows in (Checkpoint, ParkedKey):
            self.assertFalse(rows.objects.filter(consumer="testing.guest").exists())
        self.assertFalse(ConsumerState.objects.filter(name="testing.guest").exists())
        with collect(Raised, name="testing.guest"):
            pass

    def test_times_are_kept(self):
        with collect(Raised) as collected:
            produce("counter-1", Raised(), occurred_at=LONG_AGO)
            deliver_everything()
            (got,) = collected.envelopes
            self.assertEqual(got.occurred_at, LONG_AGO)
            self.assertLess(got.occurred_at, got.recorded_at - timedelta(days=1))
