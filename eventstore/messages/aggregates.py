"""Aggregates: a category of streams whose state follows from its events."""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from eventstore.errors import NameTaken
from eventstore.messages.events import Event

_aggregates: dict[str, "Aggregate"] = {}


class Aggregate:
    """One kind of stream: `Aggregate("order", OrderState(), evolve)` owns the streams order-*.

    The category is permanent. `evolve` is pure and never refuses: it has already happened.
    """

    category: str
    initial: Any
    evolve: Callable[[Any, Any], Any]

    def __init__(self, category: str, initial: Any, evolve: Callable[[Any, Any], Any]) -> None:
        taken = _aggregates.get(category)
        if taken is not None and taken.evolve.__module__ != evolve.__module__:
            raise NameTaken(name=category, owner=taken.evolve.__module__)
        self.category, self.initial, self.evolve = category, initial, evolve
        _aggregates[category] = self

    def stream(self, key: object) -> str:
        """The stream of one of them, such as order-0192…"""
        return f"{self.category}-{key}"

    def fold(self, events: Iterable[Event], state: Any = None) -> Any:
        """The state after these events, from the beginning or from an earlier state."""
        return reduce(self.evolve, events, self.initial if state is None else state)


def aggregate_of(stream: str) -> Aggregate | None:
    """The aggregate that owns a stream, if the running code declares one."""
    return _aggregates.get(stream.partition("-")[0])


def all_aggregates() -> list[Aggregate]:
    """Every aggregate of the running code, by category."""
    return [_aggregates[category] for category in sorted(_aggregates)]
