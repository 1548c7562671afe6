"""A child process that may really die: `os._exit` runs no `finally`, closes no transaction and says no goodbye."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn

from django.db import connections

DIED = 137  #: what the shell says of a process that was killed


def die(_: object = None) -> NoReturn:
    """End this process here and now."""
    os._exit(DIED)


def in_child(work: Callable[[], object]) -> bool:
    """Do this in a child of its own, with connections of its own; False when the child died on the way.

    Raises AssertionError when it failed otherwise; its traceback is on stderr. Not inside a TestCase: a child sees
    committed rows only.
    """
    if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        raise AssertionError("A child process sees committed rows only: use a TransactionTestCase.")
    with warnings.catch_warnings():
        # Threads of the parent are not in the child; those of the event store begin anew (delivery/errands.py).
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _live(work)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, DIED):
        raise AssertionError(f"The child failed ({code}); its traceback is above.")
    return code == 0


def _live(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        # The parent's sessions are not ours to close: put aside, not closed, and not collected either.
        _kept.extend(connection.connection for connection in connections.all(initialized_only=True))
        for connection in connections.all(initialized_only=True):
            connection.connection = None
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


_kept: list[object] = []
