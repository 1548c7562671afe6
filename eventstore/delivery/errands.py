"""Errands: a thread of its own runs them, several at once, so that a request need not wait for them."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from queue import SimpleQueue
from weakref import WeakMethod

#: Seconds between two errands: what comes meanwhile goes together with the next. The first one does not wait.
PAUSE = 0.005


class Errands:
    """Things handed over by any thread of this process, and given to `run` as one set, in the context of whoever was first.

    What is on its way when the process ends is lost.
    """

    def __init__(self, run: Callable[[set[int]], None]) -> None:
        self._run = run
        self._begin_anew()
        begin_anew = WeakMethod(self._begin_anew)
        # A thread does not survive a fork, and its queue may have been locked at that moment.
        os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())

    def put(self, things: Iterable[int]) -> None:
        """Hand over; returns at once."""
        self._waiting.put((things, copy_context()))
        if self._thread is None:
            self._start()

    def _begin_anew(self) -> None:
        self._waiting: SimpleQueue[tuple[Iterable[int], Context]] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name="errands", daemon=True)
                self._thread.start()

    def _go(self) -> None:
        while True:
            things, context = self._waiting.get()
            together = set(things)
            while not self._waiting.empty():
                together.update(self._waiting.get()[0])
            context.run(self._run, together)
            time.sleep(PAUSE)
