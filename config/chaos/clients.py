"""A client's loop: want something, try until its outcome is known, remember both."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from config.chaos.histories import History

#: Seconds: for one call with all its tries, and between two tries.
PATIENCE, AGAIN = 25.0, 0.15


class Answer(msgspec.Struct, frozen=True):
    """What came of one try: done (ok), certainly not done (fail), or who knows (retry)."""

    kind: str
    position: str = ""
    why: str = ""
    told: Any = None  #: the body


class Wish(msgspec.Struct, frozen=True):
    """One thing a client wants. `attempt(key)` may be repeated: the key makes it the same wish."""

    what: str
    events: int  #: how many events it writes
    attempt: Callable[[str], Answer]
    then: Callable[[Answer], None] = lambda answer: None  #: when it is done
    orders: int = 0  #: how many orders it places


class Client:
    """One client with its memory. Ends after the call it is at when it is sent SIGTERM."""

    def __init__(self, name: str, seed: int, history: Path, think: float) -> None:
        self.name = name
        self.dice = random.Random(f"{seed} {name}")
        self.history = History(history)
        self.think = think
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def live(self, wish: Callable[[], Wish]) -> None:
        """Wish after wish, until somebody says stop."""
        number = 0
        while not self.stopping:
            number += 1
            self.fulfil(f"{self.name}-{number:06}", wish())
            time.sleep(self.dice.uniform(0, 2 * self.think))

    def fulfil(self, key: str, wish: Wish) -> None:
        """Try until the outcome is known, or patience ends."""
        self.history.invoke(key, wish.what, wish.events, wish.orders)
        until = time.monotonic() + PATIENCE
        while (answer := wish.attempt(key)).kind == "retry":
            if time.monotonic() > until:
                return self.history.info(key, answer.why)
            self.history.retried(key, answer.why)
            time.sleep(AGAIN)
        if answer.kind == "ok":
            self.history.ok(key, answer.position)
            wish.then(answer)
        else:
            self.history.fail(key, answer.why)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
