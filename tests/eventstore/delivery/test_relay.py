"""Log to stream: in order, once, and again after Redis lost it."""

from django.test import TestCase

from eventstore.delivery import transport
from eventstore.delivery.relay import check_stream, relay_partition, sweep
from eventstore.log import partition_of
from eventstore.models import Checkpoint, Partition, RelayCheckpoint
from eventstore.testing.transports import batch
from tests.eventstore.delivery.recording import record

STREAM = "counter-1"
LANE = partition_of(STREAM)


class Relaying(TestCase):
    def setUp(self):
        transport().flush()

    def stream(self):
        return [envelope.version for envelope in transport().read(LANE, 1, 0, 100)]

    def relay(self):
        return RelayCheckpoint.objects.get(partition=LANE)

    def test_what_was_recorded_goes_out_once_and_in_order(self):
        record(STREAM, 3)
        self.assertEqual(relay_partition(LANE), 3)
        self.assertEqual(relay_partition(LANE), 0)
        record(STREAM, 2)
        self.assertEqual(relay_partition(LANE), 2)
        self.assertEqual(self.stream(), [1, 2, 3, 4, 5])
        self.assertEqual(self.relay().position, 5)

    def test_a_relay_that_lost_its_memory_publishes_nothing_twice(self):
        record(STREAM, 3)
        relay_partition(LANE)
        RelayCheckpoint.objects.update(position=0)
        self.assertEqual(relay_partition(LANE), 0)
        self.assertEqual(self.stream(), [1, 2, 3])
        self.assertEqual(self.relay().position, 3)

    def test_after_redis_lost_everything_the_next_event_brings_the_rest_back(self):
        record(STREAM, 3)
        relay_partition(LANE)
        transport().flush()
        record(STREAM, 1)
        self.assertEqual(relay_partition(LANE), 4)
        self.assertEqual(self.stream(), [1, 2, 3, 4])
        self.assertEqual(self.relay().repairs, 1)

    def test_the_sweep_notices_a_loss_without_a_new_event(self):
        record(STREAM, 3)
        relay_partition(LANE)
        transport().flush()
        self.assertTrue(check_stream(LANE))
        relay_partition(LANE)
        self.assertEqual(self.stream(), [1, 2, 3])

    def test_only_what_somebody_still_needs_comes_back(self):
        record(STREAM, 5)
        relay_partition(LANE)
        Checkpoint.objects.filter(partition=LANE).update(position=3)
        transport().flush()
        record(STREAM, 1)
        relay_partition(LANE)
        self.assertEqual(self.stream(), [4, 5, 6])

    def test_a_log_restored_to_an_older_point_stops_the_relay_and_says_why(self):
        record(STREAM, 2)
        transport().publish(LANE, 1, batch(1, 5, tag=7), previous=None, seed=False)
        sweep()
        self.assertIn("is not in the log", self.relay().stopped)
        record(STREAM, 4)
        self.assertEqual(relay_partition(LANE), 0, "nothing goes out until an operator raises the epoch")

    def test_a_restored_log_is_noticed_by_the_very_batch_that_would_be_refused_as_a_duplicate(self):
        record(STREAM, 2)
        transport().publish(LANE, 1, batch(1, 5, tag=7), previous=None, seed=False)
        record(STREAM, 4)
        self.assertEqual(relay_partition(LANE), 0)
        self.assertIn("diverged", self.relay().stopped)

    def test_after_the_epoch_is_raised_it_goes_on(self):
        record(STREAM, 2)
        transport().publish(LANE, 1, batch(1, 5, tag=7), previous=None, seed=False)
        sweep()
        Partition.objects.filter(id=LANE).update(epoch=2)
        RelayCheckpoint.objects.filter(partition=LANE).update(stopped="", position=0)
        self.assertEqual(relay_partition(LANE), 2)
        self.assertEqual([e.version for e in transport().read(LANE, 2, 0, 10)], [1, 2])
