"""manage.py relay, consume, dead_letters: delivery by hand."""

from django.test import TestCase

from eventstore.delivery import relay_partition, transport
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.events import OPERATIONS
from eventstore.log import partition_of, read_stream
from eventstore.messages import Envelope
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.eventstore.delivery.test_epochs import restore
from tests.eventstore.management.calling import Called

STREAM = "counter-1"
LANE = partition_of(STREAM)


class Told(TestCase):
    def setUp(self):
        streams = transport()
        assert isinstance(streams, MemoryStreams)
        streams.flush()
        self.told = Recording(self)

    def fail(self, envelope: Envelope) -> None:  # type: ignore[override]
        raise ValueError("no such customer")


class ByHand(Told):
    def test_relay_publishes_what_waits(self):
        record(STREAM, 3)
        self.assertEqual(Called("relay", "--once", "--json").json, {"events": 3, "repairs": 0, "stopped": {}})
        self.assertEqual(Called("relay", "--once").out, "0 events were published; 0 streams had lost some.\n")

    def test_relay_says_where_it_is_stopped(self):
        execute("UPDATE eventstore_relaycheckpoint SET stopped = 'because' WHERE partition = 3")
        called = Called("relay", "--once", "--json")
        self.assertEqual((called.code, called.json["stopped"]), (3, {"3": "because"}))
        self.assertIn("Partition 3 is stopped: because.", called.complaint)

    def test_a_new_epoch_shows_the_ghosts_and_lets_the_relay_run_again(self):
        record(STREAM, 3)
        relay_partition(LANE)
        lost = str(read_stream(STREAM)[2].id)
        restore(2)
        self.assertEqual(Called("relay", "--once").code, 3)
        called = Called("relay", "--new-epoch", str(LANE), "--reason", "restored", "--json")
        ghost, told = called.lines
        self.assertEqual(ghost["ghost"]["id"], lost)
        self.assertEqual(told, {"partition": LANE, "epoch": 2, "ghosts": 1})
        self.assertEqual(Called("relay", "--once").code, 0)
        (raised,) = read_stream(OPERATIONS)
        self.assertRegex(raised.actor, "^shell:.")

    def test_a_new_epoch_needs_a_partition_and_a_reason(self):
        self.assertEqual(Called("relay", "--new-epoch", "99", "--reason", "x").code, 2)
        self.assertIn("--reason", Called("relay", "--new-epoch", "all").complaint)

    def test_consume_takes_what_waits(self):
        record(STREAM, 3)
        called = Called("consume", "test.recording", "--once", "--json")
        self.assertEqual(called.json, {"name": "test.recording", "events": 3, "lag_events": 0, "state": "running", "dead": 0})
        self.assertEqual(self.told.seen, [(STREAM, 1), (STREAM, 2), (STREAM, 3)])

    def test_consume_can_be_told_to_stay_in_one_partition(self):
        record(STREAM, 1)
        other = str((LANE + 1) % 16)
        self.assertEqual(Called("consume", "test.recording", "--once", "--partition", other, "--json").json["events"], 0)
        self.assertEqual(Called("consume", "test.recording", "--once", "--partition", "16").code, 2)

    def test_consume_ends_with_findings_when_keys_wait_for_a_person(self):
        self.told.rule = self.fail
        record(STREAM)
        self.assertEqual(Called("consume", "test.recording", "--once").code, 0)
        execute("UPDATE eventstore_parkedkey SET state = 'dead'")
        self.assertEqual(Called("consume", "test.recording", "--once").code, 3)

    def test_a_misspelt_consumer_is_told_what_was_meant(self):
        called = Called("consume", "test.recordng")
        self.assertEqual(called.code, 2)
        self.assertIn("Did you mean test.recording?", called.complaint)
