"""manage.py relay, consume, dead_letters: delivery by hand."""

from uuid import UUID

from django.test import TestCase

from eventstore.delivery import drain, relay_partition, transport
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.events import OPERATIONS
from eventstore.log import partition_of, read_stream
from eventstore.messages import Envelope
from eventstore.models import ParkedKey
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


class DeadLetters(Told):
    def parked(self) -> str:
        self.told.rule = self.fail
        record(STREAM, 3)
        drain(self.told.consumer, LANE)
        return str(ParkedKey.objects.get().pk)

    def test_nothing_waits(self):
        self.assertEqual(Called("dead_letters", "list").out, "Nothing waits.\n")
        self.assertEqual(Called("dead_letters", "list", "--json").json, [])

    def test_the_list_tells_what_waits_and_why(self):
        parked = self.parked()
        (row,) = Called("dead_letters", "list", "--json").json
        self.assertEqual((row["id"], row["state"], row["key"], row["attempts"]), (parked, "retrying", STREAM, 1))
        self.assertEqual(row["error"], "ValueError: no such customer")
        self.assertIn(parked, Called("dead_letters", "list").out)
        self.assertEqual(Called("dead_letters", "list", "--state", "dead", "--json").json, [])
        self.assertEqual(Called("dead_letters", "list", "--consumer", "test.recordin").code, 2)

    def test_one_of_them_is_shown_with_its_failures_and_followers(self):
        parked = self.parked()
        shown = Called("dead_letters", "show", parked, "--json").json
        self.assertEqual((shown["followers"], len(shown["failures"])), (2, 1))
        self.assertIn("raise ValueError", shown["failures"][0]["traceback"])
        self.assertIn("raise ValueError", Called("dead_letters", "show", parked).out)

    def test_trying_again_works_once_the_cause_is_gone(self):
        parked = self.parked()
        again = Called("dead_letters", "retry", parked, "--json")
        self.assertEqual((again.code, again.json["attempts"]), (3, 2))
        self.told.rule = lambda envelope: None
        again = Called("dead_letters", "retry", parked, "--reason", "mended", "--json")
        self.assertEqual((again.code, again.json["handled"], again.json["state"]), (0, 3, "resolved"))
        self.assertEqual(len(self.told.seen), 3)
        self.assertEqual(getattr(read_stream(OPERATIONS)[-1].event, "reason"), "mended")  # noqa: B009 - the union has many

    def test_what_does_not_wait_cannot_be_tried_again(self):
        parked = self.parked()
        execute("UPDATE eventstore_parkedkey SET state = 'resolved'")
        called = Called("dead_letters", "retry", parked)
        self.assertEqual(called.code, 1)
        self.assertIn("does not wait", called.complaint)
        self.assertEqual(Called("dead_letters", "show", str(UUID(int=1))).code, 2)
