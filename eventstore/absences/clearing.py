"""An alert ends: what was missing came."""

from uuid import UUID

from django.db.models.functions import Now

from eventstore.absences.events import AlertCleared
from eventstore.context import acting, following
from eventstore.log import append, read_stream
from eventstore.messages import Envelope
from eventstore.models import Alert


def story_of(alert: Alert) -> Envelope:
    """The event that raised it: whatever becomes of an alert stays in the story of what nobody followed."""
    return read_stream(alert.stream, limit=1)[0]


def clear(alert_id: UUID, envelope: Envelope) -> None:
    """Clear an alert in the unit of work of whoever saw the event that was missing."""
    alert = Alert.objects.select_for_update(no_key=True).get(pk=alert_id)
    cleared = AlertCleared(alert_id=alert.pk, rule=alert.rule, key=alert.key, event_id=envelope.id)
    with following(envelope.id, envelope.facts, actor=f"consumer:{alert.rule}"), acting(correlation=story_of(alert).correlation):
        alert.version = append(alert.stream, [cleared], expected=alert.version)
    alert.state, alert.cleared_at, alert.cleared_by = Alert.State.CLEARED, Now(), envelope.id
    alert.save(update_fields=["version", "state", "cleared_at", "cleared_by"])
