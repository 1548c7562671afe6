"""Rebuild a read table from the log, in place: empty it, go back to the beginning, catch up."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from eventstore.delivery import all_consumers, consumer_named, drain, reached
from eventstore.errors import UnknownName
from eventstore.events import OPERATIONS, RebuildStarted
from eventstore.log import ANY, append, current_position, unit_of_work
from eventstore.models import ParkedKey
from eventstore.projections.declarations import Projection

Progress = Callable[[int, int], Any]


def all_projections() -> list[Projection]:
    """Every projection of the running code, by name."""
    return [consumer for consumer in all_consumers() if isinstance(consumer, Projection)]


def projection_named(name: str) -> Projection:
    """Raises UnknownName."""
    known = {projection.name: projection for projection in all_projections()}
    if name not in known:
        raise UnknownName(kind="projection", name=name, known=known)
    return known[name]


def reset(projection: Projection) -> int:
    """Empty the tables and go back to the beginning, in one transaction; return how many events lie ahead.

    From here on ordinary delivery fills them again, whether or not anybody waits for it: a crash costs nothing.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM eventstore_checkpoint WHERE consumer = %s ORDER BY partition FOR UPDATE", [projection.name])
        for table in projection.tables:
            cursor.execute(f'TRUNCATE TABLE "{table}"')
        cursor.execute(
            "UPDATE eventstore_checkpoint SET position = 0, attempts = 0, careful_until = 0 WHERE consumer = %s", [projection.name]
        )
        waiting = ParkedKey.objects.filter(consumer=projection.name, state__in=ParkedKey.WAITING)
        waiting.update(state=ParkedKey.State.RESOLVED, next_attempt_at=None, ended_at=Now())
        return sum(current_position().heads.values())


def start_rebuild(name: str, reason: str) -> int:
    """Reset a projection because somebody asked, and say so in the stream `operations`; return how many events lie ahead.

    Nobody waits: delivery fills the tables, its checkpoints are the progress. Raises UnknownName.
    """
    projection = projection_named(name)
    with unit_of_work():
        ahead = reset(projection)
        started = RebuildStarted(consumer=name, tables=tuple(projection.tables), events=ahead, reason=reason)
        append(OPERATIONS, [started], expected=ANY)
    return ahead


def rebuild(name: str, progress: Progress = lambda done, total: None) -> int:
    """Rebuild a projection and wait until it has caught up; return how many events it was folded from.

    `progress(done, total)` is called after each turn. Readers see the table grow. Raises UnknownName.
    """
    projection = projection_named(name)
    total = reset(projection)
    behind = True
    while behind:
        behind = False
        for partition, head in current_position().heads.items():
            if reached(name).heads.get(partition, 0) < head:
                behind = True
                drain(consumer_named(name), partition, seconds=1)
                done = sum(reached(name).heads.values())
                total = max(total, done)
                progress(done, total)
    return total
