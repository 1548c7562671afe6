"""What a run of chaos will do follows from its seed, and what its clients remember survives them."""

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from django.test import SimpleTestCase

from config.chaos.faults import FAULTS, weights
from config.chaos.histories import Call, History, read_histories
from config.chaos.plans import LONGEST, SHORTEST, plan


class Plans(SimpleTestCase):
    def test_a_seed_is_a_plan(self):
        first, again, other = (list(islice(plan(seed, weights(())), 50)) for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_the_first_round_holds_every_fault(self):
        blows = list(islice(plan(3, weights(())), sum(weights(()).values())))
        self.assertEqual({blow.kind for blow in blows}, set(FAULTS))
        self.assertTrue(all(SHORTEST <= blow.pause <= LONGEST for blow in blows))

    def test_a_trimmed_stream_is_no_test_of_the_relay(self):
        self.assertNotIn("xtrim_stream", weights(["consumer-contiguity"]))
        self.assertIn("xtrim_stream", weights(["consumer-contiguity", "relay-compare"]))


class Histories(SimpleTestCase):
    def test_a_call_whose_client_died_in_the_middle_of_it_is_of_unknown_outcome(self):
        with TemporaryDirectory() as folder:
            memory = History(Path(folder) / "ada.jsonl")
            memory.invoke("ada-1", "place", 1, orders=1)
            memory.retried("ada-1", "503 unavailable")
            memory.ok("ada-1", "0-1")
            memory.invoke("ada-2", "withdraw", 1)
            memory.fail("ada-2", "422 insufficient_funds")
            memory.invoke("ada-3", "cancel", 1)
            memory.stale("order 1 was read too old")
            # Not closed: every line was flushed when it was written.
            read = read_histories([Path(folder) / "ada.jsonl"])
        told = [
            Call("ada-1", "place", 1, orders=1, outcome="ok", position="0-1"),
            Call("ada-2", "withdraw", 1, outcome="fail"),
            Call("ada-3", "cancel", 1, outcome="info"),
        ]
        self.assertEqual(read.calls, told)
        self.assertEqual((read.retries, read.stale), ({"503 unavailable": 1}, ["order 1 was read too old"]))
