"""How are the sagas? Numbers that cost the same however many have ended, and a few that name those in trouble."""

import msgspec

from eventstore.models import SagaInstance
from eventstore.statements import ask_all


class Measured(msgspec.Struct, frozen=True):
    """The sagas of one name that are not over, and those of them, or over already, that want a person."""

    saga: str
    running: int
    compensating: int
    troubled: int


class Pending(msgspec.Struct, frozen=True):
    """What was sent and is not carried out, and what should have been fired."""

    commands: int  #: that wait
    oldest_seconds: float  #: since the oldest of them was sent, 0 when none waits
    overdue_seconds: float  #: since a command is due that waits for no other one, 0 when none is
    deadlines: int  #: that passed and were not fired
    late_seconds: float  #: since the first of them passed


MEASURED = """
SELECT saga, count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'compensating'),
       count(*) FILTER (WHERE urgency = 3)
FROM eventstore_sagainstance WHERE urgency > 0 GROUP BY saga ORDER BY saga
"""

PENDING = """
SELECT c.*, d.* FROM (
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(w.sent_at)), 0)::float,
           greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(w.due_at) FILTER (WHERE NOT EXISTS (
               SELECT 1 FROM eventstore_sagacommand e
               WHERE e.saga_id = w.saga_id AND e.state = 'waiting' AND (e.step, e.number) < (w.step, w.number)))), 0))::float
    FROM eventstore_sagacommand w WHERE w.state = 'waiting'
) c, (
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float
    FROM eventstore_sagadeadline WHERE state = 'waiting' AND due_at <= clock_timestamp()
) d
"""


def measured() -> list[Measured]:
    """The sagas that are not over, by name. Those that are over are not counted: they grow for ever."""
    return [Measured(*row) for row in ask_all(MEASURED)]


def pending() -> Pending:
    """The commands and deadlines of all sagas."""
    (row,) = ask_all(PENDING)
    return Pending(*row)


def troubled(limit: int) -> list[SagaInstance]:
    """Those in trouble, the newest first."""
    return list(SagaInstance.objects.filter(urgency=3).order_by("-started_at", "-id")[:limit])
