"""Errands: handed over without waiting, run together, by a thread of their own in every process."""

import os
import threading
import warnings

from django.test import SimpleTestCase

from eventstore.context import acting, current_facts
from eventstore.delivery.errands import Errands


class Running(SimpleTestCase):
    def setUp(self):
        self.runs: list[set[int]] = []
        self.ran = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()

    def run_them(self, things):
        self.runs.append(things)
        self.ran.release()
        self.go_on.wait(5)

    def test_they_are_run_by_another_thread(self):
        errands = Errands(self.run_them)
        errands.put([3])
        self.assertTrue(self.ran.acquire(timeout=5))
        self.assertEqual(self.runs, [{3}])

    def test_whoever_hands_over_does_not_wait_and_what_came_meanwhile_goes_together(self):
        self.go_on.clear()
        errands = Errands(self.run_them)
        errands.put([1])
        self.assertTrue(self.ran.acquire(timeout=5))
        for number in (2, 3, 2, 3):
            errands.put([number])
        self.go_on.set()
        self.assertTrue(self.ran.acquire(timeout=5))
        self.assertEqual(self.runs, [{1}, {2, 3}])

    def test_they_are_run_in_the_context_of_whoever_was_first(self):
        seen = []
        errands = Errands(lambda things: (seen.append(current_facts()), self.ran.release()))
        with acting(request="r-1"):
            errands.put([1])
        self.assertTrue(self.ran.acquire(timeout=5))
        self.assertEqual(seen, [{"request": "r-1"}])

    def test_a_forked_process_has_a_thread_of_its_own(self):
        errands = Errands(self.run_them)
        errands.put([1])
        self.assertTrue(self.ran.acquire(timeout=5))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads; here they are the point
            child = os.fork()
        if child == 0:
            errands.put([2])
            os._exit(0 if self.ran.acquire(timeout=5) else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
