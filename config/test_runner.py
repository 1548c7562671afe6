"""The test runner: parallel, sealed from the network, warnings of our own code are errors, a closing line to trust."""

import gc
import ipaddress
import multiprocessing
import os
import socket
import sys
import traceback
import unittest
import warnings
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from django.apps import apps
from django.test.runner import DiscoverRunner

from config.local.places import CHECKOUT
from config.test_processes import BrokenThere, FailedThere, Processes

#: Tag of test classes that want the machine, or something on it, for themselves: they run after the others.
ALONE = "alone"


class Counting:
    """A test result that also counts what went well."""

    passed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)  # type: ignore[misc]
        self.passed += 1

    def _exc_info_to_string(self, err: Any, test: unittest.TestCase) -> str:
        if isinstance(err[1], FailedThere | BrokenThere):
            return f"{err[1]}"  # it was made a text where it happened
        return super()._exc_info_to_string(err, test)  # type: ignore[misc, no-any-return]

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)  # type: ignore[misc]
        self.passed += 1


class Runner(DiscoverRunner):
    """Django's runner with our defaults and our last line."""

    parallel_test_suite = Processes

    def __init__(self, *, parallel: int = 0, pdb: bool = False, **options: Any) -> None:
        # 0 is Django's default; who asks for one process says --parallel 1.
        if parallel == 0 and not pdb and multiprocessing.get_start_method() in ("fork", "spawn"):
            parallel = max(2, os.cpu_count() or 1)
        if not sys.stdin.isatty():
            options["interactive"] = False  # nobody is there to allow the old test database to be dropped
        super().__init__(parallel=parallel, pdb=pdb, **options)

    def run_tests(self, test_labels: list[str], **options: Any) -> int:
        try:
            return super().run_tests(test_labels, **options)
        except Exception:
            traceback.print_exc()
        # Whatever it was (a broken migration, a database that does not go away), the last line must say that the run failed,
        # and really be the last: what dies noisily dies now.
        gc.collect()
        closing_line(0, 1, 0)
        return 1

    def setup_test_environment(self, **options: Any) -> None:
        super().setup_test_environment(**options)
        warnings.filterwarnings("error", module=ours())
        seal_network()

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        base = super().get_resultclass() or unittest.TextTestResult
        return cast(type[unittest.TextTestResult], type("CountingResult", (Counting, base), {}))

    def run_suite(self, suite: unittest.TestSuite, **options: Any) -> Any:
        if not isinstance(suite, Processes):
            return super().run_suite(suite, **options)
        alone = [part for part in suite.subsuites if is_alone(part)]
        suite.subsuites = [part for part in suite.subsuites if not is_alone(part)]
        suite.on_loss = lambda: closing_line(0, 1, 0)
        return super().run_suite(unittest.TestSuite([suite, *alone] if suite.subsuites else alone), **options)

    def suite_result(self, suite: unittest.TestSuite, result: Any, **options: Any) -> int:
        broken = [test for test, _ in (*result.failures, *result.errors)] + result.unexpectedSuccesses
        failed = len({getattr(test, "test_case", test).id() for test in broken})
        if result.shouldStop and not failed:
            print("Interrupted: not all tests have run.", file=sys.stderr)
        closing_line(result.passed, failed, len(result.skipped))
        # A run of nothing proves nothing, and unittest takes half a run for a good one.
        return failed or int(result.testsRun == 0 or result.shouldStop)


def closing_line(passed: int, failed: int, skipped: int) -> None:
    """The very last line of a run."""
    sys.stderr.flush()
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)


def is_alone(part: unittest.TestSuite) -> bool:
    """Do the tests of this class want to run alone?"""
    return any(ALONE in getattr(test, "tags", ()) for test in part)


def ours() -> str:
    """Where the warnings are ours to mend: a pattern of the modules that stand in this checkout."""
    names = {Path(app.path).name for app in apps.get_app_configs() if Path(app.path).parent == CHECKOUT}
    return rf"({'|'.join(sorted(names))}|tests)(\.|$)"


def seal_network() -> None:
    """From here on a call to another machine is an error, not a slow or lucky test. The servers of the run are let through."""
    servers = {urlsplit(os.environ.get(name, "")).hostname for name in ("DATABASE_URL", "REDIS_URL")}
    connect = socket.socket.connect

    def connect_nearby(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_near(address[0]) and address[0] not in servers:
            raise ConnectionRefusedError(f"A test tried to reach {address[0]}; tests talk to this machine only.")
        connect(self, address)

    socket.socket.connect = connect_nearby  # type: ignore[method-assign, assignment]


def is_near(host: str) -> bool:
    """Is this address this machine itself?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
