"""What stands on an event: later events of its stream that its owner names, and what it caused; all that is not taken back yet."""

from uuid import UUID

from eventstore.errors import Refused
from eventstore.messages import Envelope, Reversal, Value, harmless, reversal_of
from eventstore.statements import ask_all

SHOWN = 5  #: dependents that the sentence of a refusal names; its facts have them all

# Steps of the event store itself (a saga's step, a deadline) decide nothing, and what the command undoes does not stand: what those
# led to counts as caused by the event.
# By correlation first: the index is on it, and one story is short.
DEPENDENTS = """
WITH RECURSIVE caused AS (
    SELECT id, name, stream, version, facts FROM eventstore_event
    WHERE facts ->> 'correlation' = %(correlation)s AND facts ->> 'causation' = %(id)s
    UNION ALL
    SELECT e.id, e.name, e.stream, e.version, e.facts FROM caused c JOIN eventstore_event e
    ON e.facts ->> 'correlation' = %(correlation)s AND e.facts ->> 'causation' = c.id::text
    WHERE starts_with(c.name, 'eventstore.') OR c.name = ANY(%(undoes)s)
), standing AS (
    SELECT id, name, stream, version, facts FROM eventstore_event
    WHERE stream = %(stream)s AND version > %(version)s AND name = ANY(%(blocked_by)s)
    UNION
    SELECT * FROM caused WHERE NOT starts_with(name, 'eventstore.') AND NOT name = ANY(%(undoes)s)
)
SELECT id, name, stream, version FROM standing s
WHERE NOT s.facts ? 'reverses' AND NOT EXISTS (SELECT 1 FROM eventstore_reversedevent r WHERE r.event_id = s.id)
ORDER BY id
"""


class Dependent(Value):
    """A later event that stands on one that is to be reversed."""

    id: UUID
    name: str
    stream: str
    version: int
    because: str  #: why it cannot be reversed itself; empty when it can
    sentence: str


def dependents_of(envelope: Envelope, reversal: Reversal) -> list[Dependent]:
    """What has to be reversed before this event, oldest first."""
    asked = {
        "id": str(envelope.id),
        "correlation": envelope.correlation,
        "stream": envelope.stream,
        "version": envelope.version,
        "blocked_by": sorted(reversal.blocked_by),
        "undoes": sorted({*reversal.undoes, *harmless()}),
    }
    return [_dependent(*row) for row in ask_all(DEPENDENTS, asked)]


def must_stand_alone(envelope: Envelope, reversal: Reversal) -> None:
    """Raises Refused when something stands on the event."""
    if found := dependents_of(envelope, reversal):
        more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
        raise Refused(
            f"Something stands on {envelope.name} {envelope.id}. {' '.join(one.sentence for one in found[:SHOWN])}{more}",
            code="has_dependents",
            dependents=found,
        )


def _dependent(event_id: UUID, name: str, stream: str, version: int) -> Dependent:
    because = getattr(reversal_of(name), "because", "")
    then = f"it cannot be reversed: {because}" if because else "reverse it first."
    told = f"{name} {event_id} (version {version} of {stream}) stands on it; {then}"
    return Dependent(id=event_id, name=name, stream=stream, version=version, because=because, sentence=told)
