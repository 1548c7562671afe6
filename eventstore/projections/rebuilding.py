"""Rebuild a read table from the log, in place: empty it, go back to the beginning, catch up."""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from eventstore.delivery import all_consumers, drain, reached
from eventstore.errors import EventStoreError, UnknownName
from eventstore.events import OPERATIONS, RebuildStarted
from eventstore.log import ANY, append, current_position, unit_of_work
from eventstore.models import ConsumerState, ParkedKey
from eventstore.projections.declarations import Projection

Progress = Callable[[int, int], Any]


class Resting(EventStoreError):
    """Projection {name} is {state} and takes nothing. Paused: resume it in the admin. Missing: run manage.py migrate."""


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

    `progress(done, total)` is called after each turn. Readers see the table grow. Raises UnknownName, Resting.
    """
    reset(projection_named(name))
    return catch_up(name, progress)


def must_run(name: str) -> None:
    """Raises Resting when nothing would happen."""
    state = ConsumerState.objects.filter(name=name).values_list("state", flat=True).first() or "missing"
    if state != ConsumerState.State.RUNNING:
        raise Resting(name=name, state=state)


def catch_up(name: str, progress: Progress = lambda done, total: None) -> int:
    """Let a projection take what waits, beside the workers that do so anyway; return how many events it has seen when none waits.

    Raises UnknownName, and Resting when it is paused: it would wait for ever.
    """
    projection = projection_named(name)
    while True:
        heads, at = current_position().heads, reached(name).heads
        behind = [partition for partition, head in heads.items() if at.get(partition, 0) < head]
        progress(sum(at.values()), sum(heads.values()))
        if not behind:
            return sum(at.values())
        moved = sum(drain(projection, partition, seconds=1) for partition in behind)
        if not moved:
            must_run(name)
            time.sleep(0.05)  # workers are at it
