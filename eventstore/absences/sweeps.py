"""Deadlines that have passed become alerts. Beat calls it, often; of two at once each takes other rows.

A rule raises nothing that it could not know better: a deadline counts once the rule has seen everything that was recorded until then.
"""

import logging
from datetime import datetime, timedelta

from django.db.models.functions import Now

from eventstore.absences.declarations import Absence, all_absences
from eventstore.absences.events import AlertRaised
from eventstore.clock import new_id
from eventstore.context import following
from eventstore.delivery.attempts import BROKEN
from eventstore.log import NEW, append, read_event, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import Alert, Awaited
from eventstore.statements import ask, ask_all, tell

log = logging.getLogger(__name__)

ACTOR = "system:alerts"
AT_ONCE = 200
#: How long an answer is remembered in case its question is delivered later, from a partition that is behind.
REMEMBERED = timedelta(days=7)

# The event behind a checkpoint is the oldest that the rule has not seen; when there is none, it has seen everything until now.
SEEN = """
SELECT min(coalesce(e.recorded_at, clock_timestamp()))
FROM eventstore_checkpoint c LEFT JOIN eventstore_event e ON e.partition = c.partition AND e.position = c.position + 1
WHERE c.consumer = %s
"""
ANYTHING_DUE = "SELECT 1 FROM eventstore_awaited WHERE rule = %s AND due_at <= clock_timestamp() LIMIT 1"
DUE = "SELECT key, due_at FROM eventstore_awaited WHERE rule = %s AND due_at <= %s ORDER BY due_at LIMIT %s"
AGE = "SELECT clock_timestamp() - %s"
FORGET = "DELETE FROM eventstore_awaited WHERE since IS NULL AND answered_at < clock_timestamp() - %s"


def raise_due() -> int:
    """Raise every alert that is due; return how many. One that cannot be raised holds up no other."""
    return sum(_raise_all(rule) for rule in all_absences() if ask(ANYTHING_DUE, [rule.name]))


def seen_until(rule: Absence) -> datetime | None:
    """Everything that was recorded before this moment was seen by the rule; None while it has no checkpoints."""
    row = ask(SEEN, [rule.name])
    return row[0] if row else None


def forget_answers() -> int:
    """Forget answers that no question will come for any more; return how many."""
    return tell(FORGET, [REMEMBERED])


def _raise_all(rule: Absence) -> int:
    raised = 0
    for key, due_at in ask_all(DUE, [rule.name, seen_until(rule), AT_ONCE], prepare=False):
        try:
            raised += _raise(rule, key, due_at)
        except BROKEN:
            raise
        except Exception as error:  # whatever one of them meets: others want to be told
            log.warning("alert_not_raised", extra={"rule": rule.name, "key": key, "reason": str(error)})
    return raised


@unit_of_work()
def _raise(rule: Absence, key: str, due_at: datetime) -> bool:
    """Row, alert and event together; False when it was answered, or somebody else is at it."""
    waiting = Awaited.objects.select_for_update(no_key=True, skip_locked=True)
    row = waiting.filter(rule=rule.name, key=key, due_at=due_at).first()
    if row is None or row.event_id is None or row.since is None:
        return False
    envelope = read_event(row.event_id)
    # Who reads the log once more, from its beginning, finds what was missing then; it was told then.
    known = Alert.objects.filter(rule=rule.name, event_id=row.event_id).first()
    alert = known or _alert(rule, key, due_at, row.since, envelope)
    row.due_at, row.alert_id = None, alert.pk if alert.state == Alert.State.OPEN else None
    Awaited.objects.filter(rule=rule.name, key=key).update(due_at=None, alert_id=row.alert_id)
    return known is None


def _alert(rule: Absence, key: str, due_at: datetime, since: datetime, cause: Envelope | None) -> Alert:
    age = ask(AGE, [since])
    assert age is not None
    assert cause is not None, "the log never loses an event"
    alert = Alert(
        id=new_id(),
        rule=rule.name,
        key=key,
        says=rule.sentence(key, age[0])[:500],
        event_id=cause.id,
        subject=cause.stream,
        subject_version=cause.version,
        since=since,
        due_at=due_at,
        raised_at=Now(),
    )
    raised = AlertRaised(alert_id=alert.pk, rule=rule.name, key=key, says=alert.says, event_id=cause.id, since=since, due_at=due_at)
    with following(cause.id, cause.facts, actor=ACTOR):
        alert.version = append(alert.stream, [raised], expected=NEW)
    alert.save(force_insert=True)
    return alert
