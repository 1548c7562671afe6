"""A person has seen an alert."""

from uuid import UUID

from django.db.models.functions import Now

from eventstore.absences.clearing import story_of
from eventstore.absences.events import AlertAcknowledged
from eventstore.context import acting, current_facts
from eventstore.errors import Refused
from eventstore.log import append, unit_of_work
from eventstore.models import Alert

LONGEST_NOTE = 500


@unit_of_work()
def acknowledge(alert_id: UUID, note: str) -> Alert:
    """Note that somebody looks after an open alert. The newest note counts. Raises Refused."""
    alert = Alert.objects.select_for_update(no_key=True).filter(pk=alert_id).first()
    if alert is None:
        raise Refused(f"There is no alert {alert_id}.", code="alert_not_found", status=404)
    if alert.state != Alert.State.OPEN:
        raise Refused("The alert is over: what was missing came.", code="alert_cleared")
    if not 0 < len(note.strip()) <= LONGEST_NOTE:
        raise Refused(f"Say what you know, in 1 to {LONGEST_NOTE} characters.", code="note_missing", status=422)
    actor = str(current_facts().get("actor", ""))
    if (alert.acknowledged_by, alert.note) == (actor, note.strip()):
        return alert
    acknowledged = AlertAcknowledged(alert_id=alert.pk, rule=alert.rule, key=alert.key, note=note.strip())
    raised = story_of(alert)
    with acting(correlation=raised.correlation, causation=str(raised.id)):
        alert.version = append(alert.stream, [acknowledged], expected=alert.version)
    alert.acknowledged_by, alert.note, alert.acknowledged_at = actor, note.strip(), Now()
    alert.save(update_fields=["version", "acknowledged_by", "note", "acknowledged_at"])
    alert.refresh_from_db()
    return alert
