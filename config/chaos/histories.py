"""What a client remembers: a line before each call and one after it, flushed, so that no kill -9 takes them back."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

Outcome = Literal["ok", "fail", "info"]


class Call(msgspec.Struct, frozen=True):
    """One thing a client wanted, and what it knows of it: done (ok), certainly not done (fail), or unknown (info).

    `key` is the idempotency key: every event that the call writes carries it. `events` is how many those are,
    `orders` how many orders it places.
    """

    key: str
    what: str
    events: int
    orders: int = 0
    outcome: Outcome = "info"
    position: str = ""  #: the Event-Position of the answer


class History:
    """The memory of one process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def invoke(self, key: str, what: str, events: int, orders: int = 0) -> None:
        """Before the first try."""
        self._write("invoke", key, what=what, events=events, orders=orders)

    def ok(self, key: str, position: str = "") -> None:
        """The service said that it is done."""
        self._write("ok", key, position=position)

    def fail(self, key: str, why: str) -> None:
        """It is certain that nothing was done."""
        self._write("fail", key, why=why)

    def info(self, key: str, why: str) -> None:
        """Nobody knows: given up, or the answer said neither."""
        self._write("info", key, why=why)

    def retried(self, key: str, why: str) -> None:
        """The outcome of a try is unknown; the same call is sent again."""
        self._write("retry", key, why=why)

    def stale(self, what: str) -> None:
        """A read was older than it promised to be."""
        self._write("stale", "", what=what)

    def _write(self, kind: str, key: str, **facts: object) -> None:
        # Line buffered: the line has left this process when the call returns.
        self._file.write(json.dumps({"type": kind, "key": key, "at": round(time.time(), 4), **facts}) + "\n")


class Memory(msgspec.Struct, frozen=True):
    """What all clients remember."""

    calls: list[Call]
    retries: Counter[str]  #: tries of unknown outcome, by what was seen
    stale: list[str]


def read_histories(files: Iterable[Path]) -> Memory:
    """A call whose process died in the middle of it is of unknown outcome."""
    calls: dict[str, Call] = {}
    retries: Counter[str] = Counter()
    stale: list[str] = []
    for file in files:
        for line in file.read_text().splitlines():
            told = json.loads(line)
            match told["type"]:
                case "invoke":
                    calls[told["key"]] = Call(told["key"], told["what"], told["events"], told["orders"])
                case "ok" | "fail" | "info" as outcome:
                    begun = calls[told["key"]]
                    calls[told["key"]] = msgspec.structs.replace(begun, outcome=outcome, position=told.get("position", ""))
                case "retry":
                    retries[told["why"]] += 1
                case "stale":
                    stale.append(told["what"])
    return Memory(list(calls.values()), retries, stale)
