"""What happens to alerts. Each has a stream of its own, alert-<id>, in the story of the event that nothing followed."""

from uuid import UUID

from eventstore.messages import Event, Moment, event, irreversible


@event("eventstore.alert_raised")
class AlertRaised(Event):
    """Something should have followed an event until `due_at`, and nothing did."""

    alert_id: UUID
    rule: str
    key: str
    says: str
    event_id: UUID
    since: Moment
    due_at: Moment


@event("eventstore.alert_acknowledged")
class AlertAcknowledged(Event):
    """Somebody has seen it and says what they know. It stays open until what is missing comes."""

    alert_id: UUID
    rule: str
    key: str
    note: str


@event("eventstore.alert_cleared")
class AlertCleared(Event):
    """What was missing came after all: this event."""

    alert_id: UUID
    rule: str
    key: str
    event_id: UUID


irreversible(AlertRaised, AlertCleared, because="It follows from what came and what did not; see to the event that is missing.")
irreversible(AlertAcknowledged, because="Somebody has seen it; acknowledge it anew with what is known now.")
