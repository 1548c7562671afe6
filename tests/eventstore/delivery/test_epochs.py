"""The log was restored to an older point: nothing new is lost, nothing that it lost takes effect, people learn what it was."""

from unittest.mock import patch
from uuid import uuid4

from django.conf import settings
from django.test import TestCase

from eventstore.delivery import drain, relay_partition, sweep
from eventstore.delivery.epochs import ghosts, raise_epoch
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.delivery.redis_streams import RedisStreams
from eventstore.delivery.transports import Transport
from eventstore.events import OPERATIONS, EpochRaised
from eventstore.log import partition_of, read_stream
from eventstore.messages import Event
from eventstore.models import Partition, RelayCheckpoint
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.eventstore.examples import Raised

STREAM = "counter-1"
LANE = partition_of(STREAM)


def restore(position: int) -> None:
    """What a file copy of the database taken at this position would hold."""
    execute("SET LOCAL session_replication_role = replica")
    execute("DELETE FROM eventstore_event WHERE partition = %s AND position > %s", [LANE, position])
    execute("SET LOCAL session_replication_role = origin")
    execute("UPDATE eventstore_partition SET head = %s WHERE id = %s", [position, LANE])
    for table in ("relaycheckpoint", "checkpoint"):
        execute(f"UPDATE eventstore_{table} SET position = least(position, %s) WHERE partition = %s", [position, LANE])
    execute("DELETE FROM test_effect WHERE version > %s", [position])


class RestoringInMemory(TestCase):
    def make(self) -> Transport:
        return MemoryStreams()

    def setUp(self):
        self.streams = self.make()
        for module in ("epochs", "relay", "runner", "wakeups"):
            using = patch(f"eventstore.delivery.{module}.transport", return_value=self.streams)
            using.start()
            self.addCleanup(using.stop)
        self.told = Recording(self)
        record(STREAM, 5)
        relay_partition(LANE)
        drain(self.told.consumer, LANE)

    def relay(self):
        return RelayCheckpoint.objects.get(partition=LANE)

    def test_the_sweep_stops_the_relay_before_anything_new_is_lost(self):
        restore(3)
        sweep()
        self.assertIn("not in the log", self.relay().stopped)

    def test_so_does_the_first_new_event(self):
        restore(3)
        record(STREAM, 1)
        self.assertEqual(relay_partition(LANE), 0)
        self.assertIn("diverged", self.relay().stopped)

    def test_consumers_never_take_a_ghost_not_even_before_anybody_noticed(self):
        restore(3)
        record(STREAM, 1, by=9)
        taken: list[Event] = []
        self.told.rule = lambda envelope: taken.append(envelope.event)
        self.assertEqual(drain(self.told.consumer, LANE), 1)
        self.assertEqual(taken, [Raised(by=9)])

    def test_nor_afterwards(self):
        restore(3)
        sweep()
        record(STREAM, 1)
        drain(self.told.consumer, LANE)
        self.assertEqual(self.told.seen, [(STREAM, version) for version in (1, 2, 3, 4)])
        self.assertEqual(execute("SELECT max(position) FROM eventstore_checkpoint WHERE partition = %s", [LANE]), [(4,)])

    def test_the_ghosts_are_what_the_restore_lost(self):
        lost = [envelope.id for envelope in read_stream(STREAM, after=3)]
        self.assertEqual(list(ghosts(LANE)), [])
        restore(3)
        self.assertEqual([ghost.id for ghost in ghosts(LANE)], lost)
        record(STREAM, 1)
        self.assertEqual([ghost.id for ghost in ghosts(LANE)], lost, "the new event at the same position is another one")

    def test_under_a_new_epoch_everything_new_goes_out_and_takes_effect_once(self):
        restore(3)
        sweep()
        record(STREAM, 4)
        self.assertEqual(raise_epoch(LANE, "restored last night's copy", ghosts=2), 2)
        self.assertEqual((self.relay().stopped, self.relay().position), ("", 0 if self.others_wait() else 3))
        relay_partition(LANE)
        self.assertEqual(self.relay().position, 7)
        self.assertEqual([e.position for e in self.streams.read(LANE, 2, 3, 100)], [4, 5, 6, 7])
        drain(self.told.consumer, LANE)
        self.assertEqual(self.told.seen, [(STREAM, version) for version in range(1, 8)])
        self.assertEqual(execute("SELECT max(fallbacks) FROM eventstore_checkpoint WHERE consumer = 'test.recording'"), [(0,)])
        sweep()
        self.assertEqual(self.relay().stopped, "")

    def test_it_is_told_with_its_reason(self):
        restore(3)
        raise_epoch(LANE, "restored last night's copy", ghosts=2)
        told = read_stream(OPERATIONS)[-1].event
        self.assertEqual(told, EpochRaised(partition=LANE, epoch=2, ghosts=2, reason="restored last night's copy"))

    def test_a_restore_to_before_an_earlier_restore_goes_above_that_one_too(self):
        raise_epoch(LANE, "first")
        record(STREAM, 1)
        relay_partition(LANE)
        restore(2)
        Partition.objects.filter(pk=LANE).update(epoch=1)
        sweep()
        self.assertIn("the stream's top 2-6", self.relay().stopped)
        self.assertEqual(raise_epoch(LANE, "second"), 3)

    def others_wait(self):
        return execute("SELECT 1 FROM eventstore_checkpoint WHERE partition = %s AND position = 0 LIMIT 1", [LANE])


class RestoringInRedis(RestoringInMemory):
    def make(self) -> Transport:
        return RedisStreams(settings.REDIS_URL, f"test-{uuid4()}")
