"""The fault kit against the correct code: whatever it breaks, everything comes once and in order."""

import io
import random
import re
from collections import Counter
from contextlib import redirect_stderr
from pathlib import Path
from unittest import mock

from django.test import SimpleTestCase, TestCase, TransactionTestCase

from eventstore import faults, runs
from eventstore.context import acting
from eventstore.errors import UnknownName
from eventstore.models import ParkedKey
from eventstore.testing import Faults, collect, deliver_everything, hunt, produce
from eventstore.testing.children import die, in_child
from tests.eventstore.examples import Raised
from tests.eventstore.projections.test_projections import declare
from tests.eventstore.sagas import trips
from tests.eventstore.testing.crowds import SEEDS, crowd, raise_counters, storm, travel

ENGINE = Path(faults.__file__).parent


class Boundaries(SimpleTestCase):
    def test_every_boundary_in_the_code_is_told_and_every_told_one_is_there(self):
        sources = [path.read_text() for path in ENGINE.rglob("*.py") if "testing" not in path.parts]
        there = [name for source in sources for name in re.findall(r'\bstep\("([a-z_.]+)"\)', source)]
        self.assertEqual(sorted(set(there)), sorted(faults.STEPS))

    def test_nobody_is_armed(self):
        self.assertIsNone(faults._armed)
        with self.assertRaisesMessage(UnknownName, "There is no boundary named relay.publishd. Did you mean relay.published?"):
            Faults(1, at=["relay.publishd"])


class Correct(TestCase):
    def test_nothing_is_found_in_the_correct_code_whatever_happens_to_it(self):
        happened = hunt(crowd(declare(self)), SEEDS, crash=0.08, hiccup=0.1)
        wanted = {"another worker in between", "a handler's error", "the broker forgets everything", "the broker is away"}
        wanted |= {f"a crash at {step}" for step in ("attempt.counted", "checkpoint.moved", "handlers.done", "work.committing")}
        self.assertEqual(wanted - happened.keys(), set(), "a kit that does nothing finds nothing")
        self.assertGreater(len(happened), 13, "many kinds of trouble")

    def test_a_run_that_dies_at_any_step_delivers_everything_once_more(self):
        def scenario(broken):
            with collect(Raised, name="testing.crowd") as collected:
                recorded = [envelope for number in range(6) for envelope in produce(f"counter-{number}", Raised(), Raised())]
                deliver_everything()
                with acting(actor="user:ada"):
                    run = runs.replay("testing.crowd", runs.Selection(), reason="a test")
                with broken:
                    for _ in range(20):
                        broken.survive(lambda: runs.drive(run.pk))
                runs.drive(run.pk)
                run.refresh_from_db()
                self.assertEqual(run.state, "completed")
                # What took its process down too often is a dead letter of the run, and a person decides.
                dead = dict(ParkedKey.objects.filter(consumer=run.lane).values_list("key", "position"))
                wanted = {(e.stream, e.version): 1 if e.position >= dead.get(e.stream, 10**9) else 2 for e in recorded}
                self.assertEqual(Counter(collected.effects), wanted)

        steps = ("run.stepped", "run.finishing", "checkpoint.moved", "handlers.done", "attempt.counted")
        happened = hunt(scenario, range(4), crash=0.2, hiccup=0, broker=0, at=steps)
        self.assertLessEqual({"a crash at run.stepped", "a crash at run.finishing"}, happened.keys())

    def test_a_saga_sends_and_ends_once(self):
        saga = trips.declare(self)
        happened = hunt(lambda broken: travel(broken, saga), SEEDS, crash=0.2)
        wanted = {f"a crash at {step}" for step in ("saga.stepped", "command.claimed", "command.carried_out")}
        self.assertEqual(wanted - happened.keys(), set(), "a kit that does nothing finds nothing")

    def test_an_app_has_boundaries_of_its_own(self):
        with Faults(1, crash=1, broker=0, at=["myapp.card_charged"], consumers=[mock.Mock()]) as broken:
            self.assertTrue(broken.survive(lambda: faults.step("relay.published")))
            self.assertFalse(broken.survive(lambda: faults.step("myapp.card_charged")))
        self.assertEqual(repr(broken), "seed 1: a crash at myapp.card_charged ×1")

    def test_the_same_seed_does_the_same_again(self):
        told = []

        def scenario(broken):
            with collect(Raised, name="testing.crowd") as collected:
                storm(broken, collected.consumer)
                told.append((repr(broken), collected.effects))

        hunt(scenario, [3, 3])
        self.assertEqual(told[0], told[1])
        self.assertIn("seed 3: ", told[0][0])


class Really(TransactionTestCase):
    """Processes that really end: nothing is unwound, the database finds out by itself."""

    def test_processes_that_die_at_any_boundary_lose_and_double_nothing(self):
        died = 0
        with collect(Raised, name="testing.crowd") as collected:
            for seed in range(3):
                dice = random.Random(seed)
                with Faults(seed, crash=0.15, consumers=[collected.consumer]) as broken:
                    for _ in range(5):
                        broken.survive(lambda dice=dice: raise_counters(dice))
                    broken.deliver_in_children(children=4)
                died += broken.happened["a process died"]
            deliver_everything()
            collected.then_once_in_order()
            self.assertGreater(len(collected.effects), 10)
        self.assertGreater(died, 3)

    def test_a_child_that_fails_otherwise_is_told_apart(self):
        with self.assertRaisesMessage(AssertionError, "The child failed (1)"), redirect_stderr(io.StringIO()):
            in_child(lambda: 1 / 0)
        self.assertTrue(in_child(lambda: None))
        self.assertFalse(in_child(die))


class NotReally(TestCase):
    def test_inside_a_transaction_a_child_would_see_nothing(self):
        with self.assertRaisesMessage(AssertionError, "use a TransactionTestCase"):
            in_child(lambda: None)
