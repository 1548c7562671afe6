"""For tests of apps built on the event store: stories for aggregates, and delivery without waiting."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Self

import time_machine

from eventstore.clock import now
from eventstore.delivery import all_consumers, drain, relay_partition, retry_due, transport
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.log import current_position
from eventstore.messages import Command, Envelope, Event, decode_event, encode, name_of
from eventstore.projections import Projection, prove_pure


class Story:
    """Given events, when a command, then events: `Story(decide, evolve, OrderState()).given(…).when(…).then(…)`."""

    def __init__(self, decide: Callable[[Any, Any], list[Any]], evolve: Callable[[Any, Any], Any], initial: Any) -> None:
        self._decide, self._evolve, self.state = decide, evolve, initial
        self.happened: list[Event] = []

    def given(self, *events: Event) -> Self:
        """What happened before. Each event passes through its codec, as it would through the log."""
        for event in events:
            name, version = name_of(type(event))
            self.state = self._evolve(self.state, decode_event(name, version, encode(event)))
        return self

    def when(self, command: Command) -> Self:
        """What somebody wants now."""
        self.happened = self._decide(self.state, command)
        for event in self.happened:
            self.state = self._evolve(self.state, event)
        return self

    def then(self, *expected: Event) -> Self:
        """Exactly these events follow."""
        if self.happened != list(expected):
            raise AssertionError(f"Expected {list(expected)}, but this happened: {self.happened}")
        return self


def deliver_everything(turns: int = 50) -> int:
    """Relay and consume until nothing waits; return how many events were moved past checkpoints. Parked keys that are due are retried."""
    streams = transport()
    if isinstance(streams, MemoryStreams):
        streams.flush()  # what an earlier test left; the relay notices and starts anew, as it would with an emptied Redis
    moved = 0
    for _ in range(turns):
        step = 0
        for partition in current_position().heads:
            relay_partition(partition)
            step += sum(drain(consumer, partition) for consumer in all_consumers())
        step += retry_due()
        if not step:
            return moved
        moved += step
    raise AssertionError(f"Events still wait after {turns} rounds; does a consumer answer its own events?")


def assert_pure(projection: Projection, envelopes: Sequence[Envelope]) -> None:
    """Fold recorded events twice, two years apart and with other dice, without a database. Raises ProjectionCheats."""
    prove_pure(projection, envelopes, moved_clock=lambda: time_machine.travel(now() + timedelta(days=731)))
