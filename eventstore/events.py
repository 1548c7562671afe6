"""What people did to the event store itself. They stand in one stream, `operations`, each with its reason."""

from uuid import UUID

from eventstore.messages import Event, Value, event, irreversible

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


@event("eventstore.saga_handled")
class SagaHandled(Event):
    """Somebody retried or settled a command of a saga, asked it to undo itself, or ended it."""

    saga_id: UUID
    saga: str
    key: str
    what: str
    reason: str
    command_id: UUID | None = None


@event("eventstore.event_reversed")
class EventReversed(Event):
    """Somebody had an event taken back by a command of its owner; the events that followed have the fact `reverses`."""

    event_id: UUID
    stream: str
    name: str
    command: str
    reason: str


class SchemaChange(Value):
    """What became of one schema of the registry: published, described anew, or retired."""

    name: str
    version: int
    form: str
    what: str


@event("eventstore.schemas_published")
class SchemasPublished(Event):
    """The registry of schemas was brought up to the running code."""

    schemas: tuple[SchemaChange, ...]
    reason: str


irreversible(EventReversed, because="A reversal is not reversed; do anew what it took back.")
irreversible(ConsumerPaused, because="What was taken meanwhile was taken; resume the consumer.")
irreversible(ConsumerResumed, because="What was taken meanwhile was taken; pause the consumer.")
irreversible(RebuildStarted, because="The tables were emptied and are filled from the log; rebuild once more if they are wrong.")
irreversible(ApiKeyRevoked, because="A key that was given up may be known to others; make a new one.")
irreversible(RetryRequested, EffectResolved, because="It was tried or decided; what came of it is in the history of the consumer.")
irreversible(EpochRaised, because="Readers have begun anew from this epoch; an older one would show them ghosts.")
irreversible(
    RunStarted, RunEnded, because="Deliveries have happened; a run that is still open is cancelled, one that was swapped in is rolled back."
)
irreversible(RunChanged, because="Decide the run anew: pause, resume, cancel it, or roll its swap back.")
irreversible(DeadLetterHandled, because="Handle the key anew: a discarded one is restored, an edited one is edited again.")
irreversible(SagaHandled, because="Its saga went on from there; ask it to compensate, or handle its next command.")
irreversible(SchemasPublished, because="Readers rely on what was published; publish a version that says it better.")
