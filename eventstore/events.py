"""What people did to the event store itself. They stand in one stream, `operations`, each with its reason."""

from uuid import UUID

from eventstore.messages import Event, event

OPERATIONS = "operations"


@event("eventstore.consumer_paused")
class ConsumerPaused(Event):
    """The consumer takes nothing until it is resumed; what waits for it stays in the log."""

    consumer: str
    reason: str


@event("eventstore.consumer_resumed")
class ConsumerResumed(Event):
    """The consumer goes on where it stood."""

    consumer: str
    reason: str


@event("eventstore.rebuild_started")
class RebuildStarted(Event):
    """The read tables of a projection were emptied; delivery fills them again from that many events."""

    consumer: str
    tables: tuple[str, ...]
    events: int
    reason: str


@event("eventstore.api_key_revoked")
class ApiKeyRevoked(Event):
    """The key opens nothing any more, from the next request on. `prefix` names the key, as its client sees it."""

    name: str
    prefix: str
    reason: str


@event("eventstore.retry_requested")
class RetryRequested(Event):
    """A parked key was tried again before it was due, or after its retries were spent."""

    consumer: str
    parked_id: UUID
    key: str
    reason: str


@event("eventstore.epoch_raised")
class EpochRaised(Event):
    """The log had been restored to an older point; the stream of this partition begins anew, above what the restore lost."""

    partition: int
    epoch: int
    ghosts: int
    reason: str


@event("eventstore.run_started")
class RunStarted(Event):
    """Events are delivered again: which, to whom, where to, and what becomes of outside effects."""

    run_id: UUID
    consumer: str
    target: str
    effects: str
    events: int
    reason: str


@event("eventstore.run_changed")
class RunChanged(Event):
    """Somebody approved, paused, resumed or cancelled a run, swapped its tables in, or took that back."""

    run_id: UUID
    consumer: str
    what: str
    reason: str


@event("eventstore.run_ended")
class RunEnded(Event):
    """A run is over."""

    run_id: UUID
    consumer: str
    state: str
    handled: int
    parked: int


@event("eventstore.dead_letter_handled")
class DeadLetterHandled(Event):
    """Somebody retried, skipped, redirected, edited, discarded or restored a parked key."""

    parked_id: UUID
    consumer: str
    key: str
    event_id: UUID
    what: str
    reason: str


@event("eventstore.effect_resolved")
class EffectResolved(Event):
    """Somebody found out whether a call to the outside happened whose outcome nobody knew."""

    key: str
    happened: bool
    reason: str
