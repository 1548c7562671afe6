"""A saga as its own stream tells it: the proof of its row, and its history in time travel."""

from typing import Any, assert_never
from uuid import NAMESPACE_OID, UUID, uuid5

from msgspec import field
from msgspec.structs import replace

from eventstore.messages import Aggregate, Value
from eventstore.sagas.events import (
    CommandRefused,
    CommandSettled,
    CompensationRequested,
    DeadlinePassed,
    SagaClosed,
    SagaEvent,
    SagaStepped,
)


class SagaMemory(Value):
    """What its row says, too."""

    saga: str = ""
    key: str = ""
    status: str = "running"
    outcome: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    steps: int = 0


def evolve(memory: SagaMemory, event: SagaEvent) -> SagaMemory:
    """The saga after an event of its stream. Never refuses: it has already happened."""
    match event:
        case SagaStepped():
            return SagaMemory(
                saga=event.saga, key=event.key, status=event.status, outcome=event.outcome, state=event.state, steps=event.number
            )
        case SagaClosed():
            return replace(memory, status="finished", outcome="closed by hand")
        case DeadlinePassed() | CommandRefused() | CompensationRequested() | CommandSettled():
            return memory  # what follows from it is the next step
        case _:
            assert_never(event)


sagas = Aggregate("saga", SagaMemory(), evolve)


def saga_id(saga: str, key: str) -> UUID:
    """One saga per name and key, however often it is started."""
    return uuid5(NAMESPACE_OID, f"{saga}/{key}")


def command_id(saga: UUID, step: int, number: int) -> UUID:
    """The same step sends the same command under the same id."""
    return uuid5(saga, f"{step}/{number}")
