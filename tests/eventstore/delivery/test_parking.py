"""A failed event holds back its own stream and nothing else, and comes back in order."""

from datetime import timedelta

from django.db.models.functions import Now
from django.test import TestCase

from eventstore.delivery import Retry, claim, drain, retry, retry_due, transport
from eventstore.delivery.parking import claim_due
from eventstore.log import ANY, append, partition_of, read_stream
from eventstore.models import FailedEvent, ParkedKey
from tests.eventstore.delivery.recording import Recording, record
from tests.eventstore.examples import Noted

GOOD, BAD = "counter-1", "counter-29"
LANE = partition_of(GOOD)


class Parking(TestCase):
    def setUp(self):
        transport().flush()
        self.assertEqual(LANE, partition_of(BAD), "this story needs two streams of one partition")
        self.told = Recording(self)
        self.broken = True

        def fail(envelope):
            if self.broken and (envelope.stream, envelope.version) == (BAD, 2):
                raise ValueError("no such customer: ada@example.org")

        self.told.rule = fail

    def drain(self):
        return drain(self.told.consumer, LANE)

    def make_due(self):
        ParkedKey.objects.update(next_attempt_at=Now() - timedelta(seconds=1))

    def everything(self):
        for _ in range(2):
            record(GOOD)
            record(BAD)
        record(BAD, 2)
        self.drain()

    def test_the_stream_waits_and_everything_else_flows(self):
        self.everything()
        self.assertEqual(self.told.seen, [(GOOD, 1), (BAD, 1), (GOOD, 2)])
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.key, parked.state, parked.attempts, parked.position), (BAD, "retrying", 1, 4))
        self.assertEqual(self.drain(), 0, "the checkpoint went on")

    def test_the_failure_is_kept_without_what_it_quoted(self):
        self.everything()
        failure = FailedEvent.objects.get()
        self.assertEqual((failure.error_class, failure.event_name, failure.attempts), ("ValueError", "test.raised", 1))
        self.assertEqual(failure.message, "no such customer: …")
        self.assertIn("fail", failure.traceback)
        self.assertNotIn("ada@example.org", failure.traceback)

    def test_a_later_event_of_the_stream_lines_up(self):
        self.everything()
        record(BAD)
        record(GOOD)
        self.drain()
        self.assertEqual(self.told.seen[-1], (GOOD, 3))
        self.assertNotIn((BAD, 5), self.told.seen)

    def test_what_is_due_is_retried_in_order_with_all_its_followers(self):
        self.everything()
        self.assertIsNone(claim_due(), "not due yet")
        self.make_due()
        self.broken = False
        self.assertEqual(retry_due(), 3)
        self.assertEqual([seen for seen in self.told.seen if seen[0] == BAD], [(BAD, 1), (BAD, 2), (BAD, 3), (BAD, 4)])
        self.assertEqual(ParkedKey.objects.get().state, "resolved")
        record(BAD)
        self.drain()
        self.assertEqual(self.told.seen[-1], (BAD, 5), "the key is free again")

    def test_each_attempt_is_counted_and_the_last_one_makes_a_dead_letter(self):
        self.everything()
        for _ in range(2):
            self.make_due()
            retry_due()
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.state, parked.attempts, parked.next_attempt_at), ("dead", 3, None))
        self.assertEqual(parked.failures.get().attempts, 3)

    def test_an_attempt_that_died_without_a_word_counts_too(self):
        self.everything()
        for _ in range(4):
            self.make_due()
            claim_due()  # claimed, and then the process is gone
        self.assertEqual(ParkedKey.objects.get().state, "dead")

    def test_staff_can_retry_a_dead_key(self):
        self.everything()
        ParkedKey.objects.update(state="dead", attempts=3, next_attempt_at=None)
        self.broken = False
        self.assertEqual(retry(claim(str(ParkedKey.objects.get().pk))), 3)
        self.assertEqual(ParkedKey.objects.get().state, "resolved")

    def test_a_follower_that_fails_has_attempts_of_its_own(self):
        self.everything()
        self.make_due()
        self.told.rule = lambda envelope: 1 / 0 if envelope.version == 3 and envelope.stream == BAD else None
        self.assertEqual(retry_due(), 1)
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.state, parked.attempts, parked.position), ("retrying", 1, 5))
        self.assertEqual(set(parked.failures.values_list("error_class", flat=True)), {"ValueError", "ZeroDivisionError"})

    def test_two_at_once_who_retry_one_key_tell_nothing_twice(self):
        self.everything()
        self.told.rule = lambda envelope: 1 / 0 if envelope.version == 4 and envelope.stream == BAD else None
        first, second = claim(str(ParkedKey.objects.get().pk)), claim(str(ParkedKey.objects.get().pk))
        self.assertEqual(retry(first), 2)
        self.assertEqual(retry(second), 0, "the first one moved the key on; the second one looked again under the lock")
        self.assertEqual([version for stream, version in self.told.seen if stream == BAD], [1, 2, 3])


class Appending(TestCase):
    def test_what_a_failed_handler_appended_is_taken_back_with_its_effects(self):
        transport().flush()
        told = Recording(self)

        def answer(envelope):
            append(f"answer-{envelope.version}", [Noted(text="seen")], expected=ANY)
            if envelope.version == 2:
                raise ValueError

        told.rule = answer
        record(BAD, 1)
        record("counter-36", 2)
        self.assertEqual({LANE}, {partition_of(stream) for stream in ("counter-36", BAD)})
        drain(told.consumer, LANE)
        self.assertEqual(told.seen, [(BAD, 1), ("counter-36", 1)])
        self.assertEqual(read_stream("answer-2"), [])


class Skipping(TestCase):
    def test_an_event_of_no_use_is_left_out_with_a_note_and_its_stream_goes_on(self):
        transport().flush()
        told = Recording(self, retry=Retry(attempts=3, skip=(LookupError,)))
        told.rule = lambda envelope: {}["customer"] if envelope.version == 2 else None
        record(BAD, 4)
        drain(told.consumer, LANE)
        self.assertEqual(told.seen, [(BAD, 1), (BAD, 3), (BAD, 4)])
        note = FailedEvent.objects.get()
        self.assertEqual((note.error_class, note.skipped, note.parked.state), ("KeyError", True, "skipped"))


class ParkingByEvent(TestCase):
    def test_a_consumer_ordered_by_event_parks_the_event_alone(self):
        transport().flush()
        told = Recording(self, ordered_by="event")
        told.rule = lambda envelope: 1 / 0 if envelope.version == 2 else None
        record(BAD, 3)
        drain(told.consumer, LANE)
        self.assertEqual(told.seen, [(BAD, 1), (BAD, 3)])
        told.rule = lambda envelope: None
        ParkedKey.objects.update(next_attempt_at=Now() - timedelta(seconds=1))
        self.assertEqual(retry_due(), 1)
        self.assertEqual(told.seen[-1], (BAD, 2))
