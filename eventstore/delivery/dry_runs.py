"""What would happen: an event's handler in a transaction that is rolled back, and the rows that it would have changed."""

import json
from typing import Any

import msgspec
from django.db import connection

from eventstore.context import acting
from eventstore.delivery import corrections
from eventstore.delivery.consumers import Consumer
from eventstore.log import savepoint, unit_of_work
from eventstore.messages import Envelope
from eventstore.scrubbing import scrub

LARGEST = 1_000_000  #: rows; a larger table's changes are counted and not listed


class Change(msgspec.Struct, frozen=True):
    """Rows of one table that would be there afterwards, as they would be."""

    table: str
    inserted: int
    updated: int
    deleted: int
    rows: list[dict[str, Any]]  #: new and changed ones; a deleted row is only counted


class DryRun(msgspec.Struct, frozen=True):
    """What would have happened."""

    error: str  #: empty when the handler went through
    changes: list[Change]
    events: list[str]  #: names of the events it would have appended


class _TakeBack(Exception):
    """Ends a dry run."""


def dry_run(consumer: Consumer, envelope: Envelope, data: dict[str, Any] | None = None) -> DryRun:
    """Let a consumer handle one event, perhaps with another payload, look at what it did, and take everything back.

    Outside effects are refused, so a handler that has some ends at the first of them, and says so.
    """
    (read,) = corrections.apply(consumer, [envelope])
    if data is not None:
        read = corrections.rewritten(envelope, data)
    error, changes, events = "", [], list[str]()
    try:
        with unit_of_work() as work:
            before, noted = _counts(), work.event_count
            try:
                with savepoint(), acting(replay="dry run", effects="deny"):
                    consumer.handle([read])
                    changes, events = _changes(before), work.noted_names[noted:]
                    raise _TakeBack
            except _TakeBack:
                raise
            except Exception as failure:  # whatever the handler raises is the answer
                error = scrub(f"{type(failure).__name__}: {failure}")
                raise _TakeBack from failure
    except _TakeBack:
        pass
    return DryRun(error, changes, events)


def _counts() -> dict[str, tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relid::regclass::text, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables")
        return {table: (inserted, updated, deleted) for table, inserted, updated, deleted in cursor.fetchall()}


def _changes(before: dict[str, tuple[int, int, int]]) -> list[Change]:
    found = []
    for table, counts in sorted(_counts().items()):
        inserted, updated, deleted = (now - then for now, then in zip(counts, before.get(table, (0, 0, 0)), strict=True))
        if inserted or updated or deleted:
            found.append(Change(table, inserted, updated, deleted, _rows_of_this_transaction(table)))
    return found


def _rows_of_this_transaction(table: str) -> list[dict[str, Any]]:
    """Rows whose newest version this transaction wrote, savepoints included: what is in progress and visible is our own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
        if cursor.fetchone()[0] > LARGEST:
            return []
        cursor.execute("SELECT pg_current_xact_id()::text")
        own = int(cursor.fetchone()[0])
        # xmin holds the lower half of an xid; savepoints have later ones of the same epoch.
        cursor.execute(
            f"""SELECT to_jsonb(t)::text FROM {table} AS t WHERE t.xmin::text::bigint >= %s
                AND pg_xact_status((%s + t.xmin::text::bigint)::text::xid8) = 'in progress' LIMIT 100""",
            [own % 2**32, own - own % 2**32],
        )
        return [json.loads(row) for (row,) in cursor.fetchall()]
