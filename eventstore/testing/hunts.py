"""The same scenario under many seeds: the first one that breaks a promise is named, and can be played again alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from eventstore.delivery import transport
from eventstore.testing.faults import Faults


class Found(AssertionError):
    """A scenario broke its promise under one seed."""

    def __init__(self, faults: Faults, error: BaseException) -> None:
        self.seed = faults.seed
        told = error if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        super().__init__(f"{told}\nFound with {faults!r}. Play Faults({faults.seed}, …) to see it again.")


def hunt(scenario: Callable[[Faults], object], seeds: Iterable[int] = range(12), **rates: Any) -> "Counter[str]":
    """Play a scenario under each seed; return what was done to it. Raises Found with the first seed that breaks a promise.

    The scenario gets faults that it enters itself. In a TestCase what a seed wrote is taken back before the next one.
    """
    happened: Counter[str] = Counter()
    for seed in seeds:
        faults = Faults(seed, **rates)
        try:
            with _taken_back():
                scenario(faults)
        except Exception as error:  # whatever a worker stumbles over is found as well
            raise Found(faults, error) from error
        happened += faults.happened
    return happened


@contextmanager
def _taken_back() -> Iterator[None]:
    """What is written meanwhile is taken back, as after a test; outside a TestCase it stays."""
    if flush := getattr(transport(), "flush", None):
        flush()
    if not connection.in_atomic_block:
        yield
        return
    piece = transaction.atomic()
    # As the transactions of a TestCase are marked: a unit of work inside it counts as outermost.
    piece._from_testcase = True  # type: ignore[attr-defined]
    with piece:
        yield
        transaction.set_rollback(True)
