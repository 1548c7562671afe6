"""What happens to sagas. Each has a stream of its own, saga-<id>: its steps, and what it is told about time and refusals."""

from typing import Any
from uuid import UUID

from eventstore.messages import Event, Moment, Value, event, irreversible


class SentCommand(Value):
    """A command that a step sent."""

    id: UUID
    name: str
    data: dict[str, Any]


class SetDeadline(Value):
    """A deadline that a step set."""

    name: str
    due_at: Moment


@event("eventstore.saga_stepped")
class SagaStepped(Event):
    """A saga took an event: this is its memory after it, what it sent and what it waits for."""

    saga: str
    key: str
    number: int
    event_id: UUID
    event_name: str
    status: str
    state: dict[str, Any]
    outcome: str = ""
    late: bool = False
    commands: tuple[SentCommand, ...] = ()
    deadlines: tuple[SetDeadline, ...] = ()
    cancelled: tuple[str, ...] = ()


@event("eventstore.deadline_passed")
class DeadlinePassed(Event):
    """A saga waited for long enough. It does not mean that anything failed, only that nothing was heard."""

    saga: str
    key: str
    name: str
    due_at: Moment


@event("eventstore.command_refused")
class CommandRefused(Event):
    """Somebody said no to a command of a saga: `data` is what it said, `code` the refusal's, `detail` its sentence."""

    saga: str
    key: str
    command_id: UUID
    command: str
    data: dict[str, Any]
    code: str
    detail: str


@event("eventstore.compensation_requested")
class CompensationRequested(Event):
    """Somebody wants a saga to undo what it did."""

    saga: str
    key: str
    reason: str


@event("eventstore.saga_closed")
class SagaClosed(Event):
    """Somebody ended a saga by hand; commands that waited are not carried out."""

    saga: str
    key: str
    reason: str


@event("eventstore.command_settled")
class CommandSettled(Event):
    """Somebody settled a waiting command of a saga by hand: it counts as done, though it was not carried out here."""

    saga: str
    key: str
    command_id: UUID
    command: str
    reason: str


SagaEvent = SagaStepped | DeadlinePassed | CommandRefused | CompensationRequested | SagaClosed | CommandSettled

irreversible(SagaStepped, DeadlinePassed, CommandRefused, because="A saga has gone on from there; ask it to compensate.")
irreversible(CompensationRequested, SagaClosed, CommandSettled, because="A saga was told; what is to happen now is a command of its own.")
