"""What a rule remembers of one key: what waits for an answer since when, and the newest answer. Pure.

It does not matter in which order events of different partitions are delivered: an answer is one to whatever was recorded before it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from eventstore.messages import Value


class Wait(Value):
    """The memory of one key. Nothing waits when `since` is empty."""

    since: datetime | None = None  #: when the oldest event without an answer was recorded
    event_id: UUID | None = None  #: that event
    newest: datetime | None = None  #: the newest event without an answer
    newest_id: UUID | None = None
    answered_at: datetime | None = None  #: the newest answer
    due_at: datetime | None = None  #: when to raise an alert; empty once it is raised
    alert_id: UUID | None = None  #: the alert that is open


def begin(wait: Wait, at: datetime, event_id: UUID, within: timedelta) -> Wait:
    """Something happened that wants an answer. It does not put off what waits already: each wants its own within the time."""
    if wait.answered_at is not None and at <= wait.answered_at:
        return wait  # the answer was delivered first
    newest = {} if wait.newest is not None and at < wait.newest else {"newest": at, "newest_id": event_id}
    wait = replace(wait, **newest)
    if wait.since is not None and wait.since <= at:
        return wait
    # While an alert is open an older question changes nothing for whoever looks at it.
    due_at = at + within if wait.alert_id is None else None
    return replace(wait, since=at, event_id=event_id, due_at=due_at)


def answer(wait: Wait, at: datetime, within: timedelta) -> Wait:
    """An answer came: to everything that was recorded before it. What came after it goes on waiting."""
    wait = replace(wait, answered_at=max(at, wait.answered_at or at))
    if wait.since is None or at < wait.since:
        return wait
    if wait.newest is not None and at < wait.newest:
        return replace(wait, since=wait.newest, event_id=wait.newest_id, due_at=wait.newest + within, alert_id=None)
    return Wait(answered_at=wait.answered_at)
