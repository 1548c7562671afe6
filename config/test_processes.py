"""Tests in several processes: failures travel as text, which no pickle refuses, and a process that dies is noticed."""

import multiprocessing
import os
import sys
import threading
import unittest
from collections.abc import Callable
from typing import Any

from django.test.runner import ParallelTestSuite, RemoteTestResult, RemoteTestRunner


class FailedThere(AssertionError):
    """A failure as it was printed where it happened."""


class BrokenThere(Exception):
    """An error as it was printed where it happened."""


class Part:
    """A subtest without its test case: that one holds clients, threads and other things that cannot be sent."""

    failureException = AssertionError

    def __init__(self, test: unittest.TestCase, subtest: unittest.TestCase) -> None:
        self.test_id = test.id()
        self.words = str(subtest)

    def id(self) -> str:
        return self.test_id

    def shortDescription(self) -> None:
        return None

    def __str__(self) -> str:
        return self.words


class Telling(RemoteTestResult):
    """What one of the processes tells the first one."""

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, self.as_text(err, test))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, self.as_text(err, test))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, self.as_text(err, test))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            super().addSubTest(test, Part(test, subtest), self.as_text(err, test))

    def as_text(self, err: Any, test: unittest.TestCase) -> Any:
        """An exception that can be sent: many of ours and of the libraries' cannot be made from their arguments again."""
        there = FailedThere if issubclass(err[0], AssertionError) else BrokenThere
        return there, there(unittest.TestResult._exc_info_to_string(self, err, test)), None  # type: ignore[attr-defined]


class TellingRunner(RemoteTestRunner):
    resultclass = Telling


class Processes(ParallelTestSuite):
    """Django's parallel suite, with failures as text, and an end when a process dies."""

    runner_class = TellingRunner

    #: Called before the end.
    on_loss: Callable[[], None] = staticmethod(lambda: None)

    def run(self, result: Any, debug: bool = False) -> Any:
        over = threading.Event()
        # multiprocessing numbers its processes: this one is never started, the next ones are the pool's.
        last = number_of(multiprocessing.Process()) + self.processes
        threading.Thread(target=self._notice_loss, args=(last, over), daemon=True).start()
        try:
            return super().run(result)
        finally:
            over.set()

    def _notice_loss(self, last: int, over: threading.Event) -> None:
        """A pool replaces a process that was killed or crashed, and then waits for its answer for ever."""
        while not over.wait(0.5):
            if any("PoolWorker" in process.name and number_of(process) > last for process in multiprocessing.active_children()):
                print("\nA test process was killed or crashed: its tests have no result.", file=sys.stderr)
                self.on_loss()
                os._exit(1)


def number_of(process: "multiprocessing.process.BaseProcess") -> int:
    return int(process.name.rpartition("-")[2])
