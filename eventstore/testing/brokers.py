"""A broker that is away, answers too late, forgets, and hands out entries twice, in another order or with holes."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from eventstore.delivery import transport
from eventstore.errors import TransportDown
from eventstore.messages import Envelope


@contextmanager
def unreliable(dice: random.Random, rate: float, happened: "Counter[str]") -> Iterator[None]:
    """For the length of a `with`, every call to the transport goes wrong with this probability."""
    streams: Any = transport()
    publish, read = streams.publish, streams.read

    def publish_perhaps(*arguments: Any, **options: Any) -> Any:
        if dice.random() >= rate:
            return publish(*arguments, **options)
        if dice.random() < 0.5:
            happened["the broker is away"] += 1
            raise TransportDown(reason="away, says the fault kit")
        publish(*arguments, **options)
        happened["the broker's answer is lost"] += 1
        raise TransportDown(reason="it did what was asked; its answer is lost, says the fault kit")

    def read_perhaps(*arguments: Any, **options: Any) -> list[Envelope]:
        if dice.random() >= rate:
            return list(read(*arguments, **options))
        if dice.random() < 0.25:
            happened["the broker is away"] += 1
            raise TransportDown(reason="away, says the fault kit")
        return _garbled(dice, read(*arguments, **options), happened)

    with mock.patch.object(streams, "publish", publish_perhaps), mock.patch.object(streams, "read", read_perhaps):
        yield


def _garbled(dice: random.Random, entries: Sequence[Envelope], happened: "Counter[str]") -> list[Envelope]:
    if not entries:
        return []
    at = dice.randrange(len(entries))
    match dice.choice(("twice", "hole", "order")):
        case "twice":
            happened["an entry comes twice"] += 1
            return [*entries[: at + 1], *entries[at:]]
        case "hole":
            happened["an entry is missing"] += 1
            return [*entries[:at], *entries[at + 1 :]]
        case _:
            happened["entries come in another order"] += 1
            return dice.sample(list(entries), len(entries))


def forget(happened: "Counter[str]") -> None:
    """The broker loses everything, where that can be had without harm to others: the streams of this process's memory."""
    flush = getattr(transport(), "flush", None)
    if flush is not None:
        flush()
        happened["the broker forgets everything"] += 1
