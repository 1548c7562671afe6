"""The runner's promises: a closing line that is true, a sealed network, warnings of our own that count."""

import io
import pickle
import socket
import unittest
import warnings
from contextlib import redirect_stderr, redirect_stdout

from django.test import SimpleTestCase, tag

from config.test_processes import Processes, Telling
from config.test_runner import Runner, is_alone, is_near


class Mixed(unittest.TestCase):
    """Not discovered as a test of its own: load_tests below leaves it out."""

    def test_good(self):
        pass

    def test_bad(self):
        self.fail("on purpose")

    def test_broken(self):
        raise ZeroDivisionError

    @unittest.skip("on purpose")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_known_to_fail(self):
        self.fail("on purpose")

    @unittest.expectedFailure
    def test_mended_without_a_word(self):
        pass

    def test_in_parts(self):
        for part in range(3):
            with self.subTest(part=part):
                self.assertEqual(part, 1)


class Unsendable(unittest.TestCase):
    """Fails with what no pickle takes along."""

    def setUp(self):
        self.client = lambda: None

    def test_broken(self):
        raise ZeroDivisionError(self.client)

    def test_in_parts(self):
        with self.subTest(client=self.client):
            self.fail("on purpose")


class NeverSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise ZeroDivisionError

    def test_good(self):
        pass


@tag("alone")
class Lonely(unittest.TestCase):
    def test_good(self):
        pass


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (ClosingLine, Sending, Surroundings))


class ClosingLine(SimpleTestCase):
    def closing_line(self, *cases: type[unittest.TestCase]) -> tuple[str, int]:
        suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases)
        runner, said = Runner(verbosity=0, parallel=1), io.StringIO()
        with redirect_stderr(io.StringIO()), redirect_stdout(said):
            code = runner.suite_result(suite, runner.run_suite(suite))
        return said.getvalue(), code

    def test_it_counts_each_test_once_and_errors_as_failures(self):
        line, code = self.closing_line(Mixed, NeverSetUp)
        self.assertEqual(line, "2 passed, 5 failed, 1 skipped\n")
        self.assertEqual(code, 5)

    def test_skipped_ones_are_only_mentioned_when_there_are_some(self):
        self.assertEqual(self.closing_line(Lonely), ("1 passed, 0 failed\n", 0))

    def test_a_run_of_nothing_proves_nothing(self):
        self.assertEqual(self.closing_line(), ("0 passed, 0 failed\n", 1))

    def test_a_run_that_was_interrupted_is_no_success(self):
        runner, result = Runner(verbosity=0, parallel=1), Runner(parallel=1).get_resultclass()(None, False, 0)  # type: ignore[arg-type]
        result.testsRun, result.shouldStop = 1, True
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            self.assertEqual(runner.suite_result(unittest.TestSuite(), result), 1)

    def test_who_wants_to_be_alone_is_known_by_the_tag(self):
        load = unittest.defaultTestLoader.loadTestsFromTestCase
        self.assertEqual([is_alone(load(case)) for case in (Lonely, Mixed)], [True, False])


class Sending(SimpleTestCase):
    def test_failures_of_another_process_arrive_whatever_they_hold(self):
        there = Telling()
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Unsendable)
        tests = list(suite)
        suite.run(there)
        here = Runner(parallel=1).get_resultclass()(unittest.runner._WritelnDecorator(io.StringIO()), False, 0)
        for event in pickle.loads(pickle.dumps(there.events)):
            Processes([], 1).handle_event(here, tests, event)  # type: ignore[arg-type]
        self.assertEqual([len(here.errors), len(here.failures)], [1, 1])
        self.assertIn("ZeroDivisionError", here.errors[0][1])
        self.assertNotIn("unittest/case.py", here.errors[0][1])
        self.assertIn("client=", str(here.failures[0][0]))


class Surroundings(SimpleTestCase):
    def test_a_call_to_another_machine_is_refused_at_once(self):
        with self.assertRaisesMessage(ConnectionRefusedError, "A test tried to reach 192.0.2.1"):
            socket.create_connection(("192.0.2.1", 80), timeout=5)

    def test_this_machine_is_near(self):
        self.assertEqual(
            [is_near(host) for host in ("127.0.0.1", "::1", "localhost", "192.0.2.1", "example.com")], [True] * 3 + [False] * 2
        )

    def test_a_warning_in_our_own_code_is_an_error(self):
        with self.assertRaises(DeprecationWarning):
            warnings.warn("old ways", DeprecationWarning, stacklevel=1)
