"""Failures by kind: who fails on what, where in our code, how often lately, and who looks after it."""

from datetime import datetime

import msgspec
from django.db import connection
from django.db.models import F, QuerySet

from eventstore.errors import UnknownName
from eventstore.models import FailedEvent, FailureGroup, ParkedKey


class Group(msgspec.Struct, frozen=True):
    """Failures that share a fingerprint."""

    fingerprint: str
    consumer: str
    event_name: str
    error_class: str
    place: str
    message: str  #: of the newest one
    open: int  #: keys that wait
    failures: int
    first_seen: datetime
    last_seen: datetime
    code_versions: list[str]
    assignee: str
    note: str
    trend: list[int]  #: failures in each of the last 24 hours, oldest first


# A failure counts as open while its key waits because of it: a key that has moved on waits because of another one.
OPEN = "k.state IN ('retrying', 'dead') AND k.position = f.position"
GROUPS = f"""
WITH hours AS (
    SELECT f.fingerprint, floor(extract(epoch FROM statement_timestamp() - f.last_failed_at) / 3600)::int AS ago, count(*) AS failures
    FROM eventstore_failedevent f WHERE f.last_failed_at > statement_timestamp() - interval '24 hours' GROUP BY 1, 2
)
SELECT f.fingerprint, max(k.consumer), max(f.event_name), max(f.error_class), max(f.place),
       (array_agg(f.message ORDER BY f.last_failed_at DESC))[1],
       count(DISTINCT k.id) FILTER (WHERE {OPEN}), count(*),
       min(f.first_failed_at), max(f.last_failed_at), array_agg(DISTINCT f.code_version)::text[],
       coalesce(max(g.assignee), ''), coalesce(max(g.note), ''),
       array(SELECT coalesce(sum(h.failures), 0)::int FROM generate_series(23, 0, -1) AS hour
             LEFT JOIN hours h ON h.fingerprint = f.fingerprint AND h.ago = hour GROUP BY hour ORDER BY hour DESC)
FROM eventstore_failedevent f JOIN eventstore_parkedkey k ON k.id = f.parked_id
LEFT JOIN eventstore_failuregroup g ON g.fingerprint = f.fingerprint
WHERE {{which}} GROUP BY f.fingerprint ORDER BY 7 DESC, 10 DESC LIMIT %s
"""
# What waits is few and has an index of its own; what ever failed is not.
WAITING = f"""
f.fingerprint IN (SELECT f.fingerprint FROM eventstore_parkedkey k JOIN eventstore_failedevent f ON f.parked_id = k.id WHERE {OPEN})
"""


def groups(limit: int = 100, *, only_open: bool = True) -> list[Group]:
    """The groups of failures, the one with most waiting keys first."""
    return _groups(WAITING if only_open else "true", [limit])


def group_of(fingerprint: str) -> Group | None:
    """The group with this fingerprint; None when nothing ever failed like that."""
    return next(iter(_groups("f.fingerprint = %s", [fingerprint, 1])), None)


def _groups(which: str, values: list[str | int]) -> list[Group]:
    with connection.cursor() as cursor:
        cursor.execute(GROUPS.format(which=which), values)
        return [Group(*row) for row in cursor.fetchall()]


def failures_of(fingerprint: str) -> QuerySet[FailedEvent]:
    """The failures of this kind for which keys wait now, oldest first."""
    waiting = FailedEvent.objects.filter(
        fingerprint=fingerprint, parked__state__in=ParkedKey.WAITING, position=F("parked__position"), skipped=False
    )
    return waiting.select_related("parked").order_by("parked__parked_at", "parked_id")


def keys_of(fingerprint: str) -> list[str]:
    """The ids of the keys that wait because of failures of this kind: the frozen set that a verb acts on."""
    return [str(key) for key in failures_of(fingerprint).values_list("parked_id", flat=True)]


def look_after(fingerprint: str, *, assignee: str | None = None, note: str | None = None) -> FailureGroup:
    """Say who looks after a group and what they found; None leaves it as it is. Raises UnknownName."""
    if not FailedEvent.objects.filter(fingerprint=fingerprint).exists():
        raise UnknownName(kind="group of failures", name=fingerprint, known="see manage.py dead_letters list")
    group, _ = FailureGroup.objects.get_or_create(pk=fingerprint)
    group.assignee = group.assignee if assignee is None else assignee
    group.note = group.note if note is None else note
    group.save()
    return group
