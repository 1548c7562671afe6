"""Stream to consumer: once each, in order, whatever happens on the way."""

import threading
from datetime import timedelta
from unittest import mock

from django.db import OperationalError, connection
from django.db.models import F
from django.test import TestCase, TransactionTestCase

from eventstore.delivery import checkpoints, drain, transport
from eventstore.delivery.relay import relay_partition
from eventstore.delivery.runner import DEATHS, take_step
from eventstore.errors import TransportDown
from eventstore.log import partition_of
from eventstore.models import Checkpoint, ConsumerState, ParkedKey
from tests.eventstore.delivery.recording import Recording, record

STREAM = "counter-1"
LANE = partition_of(STREAM)


class ProcessKilled(BaseException):
    """Stands for kill -9: no handler of ours sees it, nothing after it runs."""


class Delivering(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self)

    def checkpoint(self):
        return Checkpoint.objects.get(consumer="test.recording", partition=LANE)

    def drain(self):
        return drain(self.told.consumer, LANE)

    def test_events_arrive_once_and_in_order(self):
        record(STREAM, 3)
        relay_partition(LANE)
        self.assertEqual(self.drain(), 3)
        self.assertEqual(self.drain(), 0)
        self.assertEqual(self.told.seen, [(STREAM, 1), (STREAM, 2), (STREAM, 3)])
        self.assertEqual(self.checkpoint().fallbacks, 0)

    def test_a_silent_stream_is_no_reason_to_wait(self):
        record(STREAM, 3)
        self.assertEqual(self.drain(), 3, "straight from the log")
        self.assertEqual(self.checkpoint().fallbacks, 1)

    def test_a_hole_in_the_stream_is_read_from_the_log(self):
        record(STREAM, 4)
        relay_partition(LANE)
        transport()._entries[LANE].pop(1)
        self.assertEqual(self.drain(), 4)
        self.assertEqual([version for _, version in self.told.seen], [1, 2, 3, 4])

    def test_without_redis_the_log_is_enough(self):
        record(STREAM, 2)
        with mock.patch.object(transport(), "read", side_effect=TransportDown(reason="gone")):
            self.assertEqual(self.drain(), 2)

    def test_a_paused_consumer_rests(self):
        record(STREAM, 1)
        ConsumerState.objects.filter(name="test.recording").update(state="paused")
        self.assertEqual(self.drain(), 0)
        ConsumerState.objects.filter(name="test.recording").update(state="running")
        self.assertEqual(self.drain(), 1)

    def test_a_checkpoint_that_moved_meanwhile_takes_the_effects_back(self):
        record(STREAM, 2)
        turn = checkpoints.begin(self.told.consumer, LANE)
        drain(self.told.consumer, LANE)
        with mock.patch.object(checkpoints, "begin", return_value=turn):
            self.assertEqual(take_step(self.told.consumer, LANE), 0)
        self.assertEqual(len(self.told.seen), 2, "the late one found the checkpoint moved and did nothing")

    def test_an_event_of_no_interest_only_moves_the_checkpoint(self):
        self.told.consumer.handlers.clear()
        record(STREAM, 2)
        self.assertEqual(self.drain(), 2)
        self.assertEqual(self.told.seen, [])

    def test_a_database_that_went_away_parks_nobody(self):
        record(STREAM, 1)

        def away(envelope):
            raise OperationalError("server closed the connection unexpectedly")

        self.told.rule = away
        with self.assertRaises(OperationalError):
            self.drain()
        self.assertFalse(ParkedKey.objects.exists())


class Dying(TransactionTestCase):
    """Processes that die in a handler leave no word; the attempt was counted before."""

    def setUp(self):
        transport().flush()
        self.told = Recording(self)

    def test_an_event_that_kills_its_process_is_parked_and_the_others_go_on(self):
        for number in range(20):
            record(f"counter-{number}")
        lanes = {partition_of(f"counter-{number}") for number in range(20)}
        victim, lane = "counter-7", partition_of("counter-7")

        def kill(envelope):
            if envelope.stream == victim:
                raise ProcessKilled

        self.told.rule = kill
        deaths = 0
        while deaths < 50:
            try:
                for partition in lanes:
                    drain(self.told.consumer, partition)
                break
            except ProcessKilled:
                deaths += 1
                # A new process is not there within the same second; two workers at once are.
                Checkpoint.objects.update(begun_at=F("begun_at") - timedelta(seconds=2))
        self.assertLessEqual(deaths, DEATHS + 2)
        self.assertEqual(sorted(set(self.told.seen)), sorted((f"counter-{n}", 1) for n in range(20) if n != 7))
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.key, parked.partition, parked.state), (victim, lane, "retrying"))
        self.assertEqual(parked.failures.get().error_class, "ProcessDied")

    def test_workers_that_begin_at_the_same_moment_are_not_taken_for_one_that_died(self):
        record(STREAM)
        turns = [checkpoints.begin(self.told.consumer, LANE) for _ in range(6)]
        self.assertEqual({(turn.attempts, turn.careful) for turn in turns}, {(1, False)})
        drain(self.told.consumer, LANE)
        self.assertEqual(self.told.seen, [(STREAM, 1)])

    def test_two_workers_at_once_tell_a_consumer_once(self):
        record(STREAM, 300)

        def work():
            drain(self.told.consumer, LANE)
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        drain(self.told.consumer, LANE)
        self.assertEqual(self.told.seen, [(STREAM, version) for version in range(1, 301)])
