"""What a swap would change: the rows that differ between live and shadow tables, each with the event that made the difference."""

import json
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.db import connection
from psycopg import sql

from eventstore.log import read_partition
from eventstore.messages import Envelope
from eventstore.projections import Projection
from eventstore.runs.shadows import TOUCHES

Kind = Literal["added", "changed", "removed"]
SHOWN = 100  #: rows that are shown; all are counted


class Difference(msgspec.Struct, frozen=True):
    """One row that a swap would add, change or remove."""

    kind: Kind
    key: str
    columns: list[str]  #: that differ
    live: dict[str, Any] | None
    shadow: dict[str, Any] | None
    event_id: UUID | None = None
    event: str | None = None  #: what happened when the row took its new value


class Diff(msgspec.Struct, frozen=True):
    """All differences counted, the first of them shown."""

    added: int
    changed: int
    removed: int
    columns: dict[str, int]  #: changed rows by column
    rows: list[Difference]
    digest: str = ""  #: of all differing rows: names a preview, so that an approval can say which one was seen

    @property
    def total(self) -> int:
        return self.added + self.changed + self.removed

    def undeclared(self, expected: Iterable[str]) -> int:
        """Differences nobody declared: rows added or removed unless "+" or "-" is expected, and columns not named."""
        named = set(expected)
        found = 0 if "+" in named else self.added
        found += 0 if "-" in named else self.removed
        return found + sum(rows for column, rows in self.columns.items() if column not in named)


# Rows as text, so that every type compares as it is stored. One pass over both tables, joined on the key.
PAIRS = """
SELECT {kind} AS kind, coalesce(live.{key}, beside.{key})::text AS key, to_jsonb(live) AS live, to_jsonb(beside) AS beside
FROM public.{table} AS live FULL OUTER JOIN {schema}.{table} AS beside ON live.{key} = beside.{key}
WHERE live.* IS DISTINCT FROM beside.*
"""
KIND = "CASE WHEN live.{key} IS NULL THEN 'added' WHEN beside.{key} IS NULL THEN 'removed' ELSE 'changed' END"


def compare(projection: Projection, schema: str, shown: int = SHOWN) -> Diff:
    """Compare the live table with its shadow. Ask when the shadow has caught up, or it is only behind."""
    pairs = pairs_of(projection, schema)
    counted = sql.SQL(
        """WITH pairs AS MATERIALIZED ({pairs})
        SELECT kind, NULL, count(*) FROM pairs GROUP BY kind
        UNION ALL SELECT 'column', c.key, count(*) FROM pairs, jsonb_each(pairs.live) AS c
        WHERE kind = 'changed' AND c.value IS DISTINCT FROM pairs.beside -> c.key GROUP BY c.key"""
    ).format(pairs=pairs)
    with connection.cursor() as cursor:
        cursor.execute(counted.as_string(cursor.cursor))
        counts = cursor.fetchall()
        cursor.execute((pairs + sql.SQL(" ORDER BY 1, 2 LIMIT %s")).as_string(cursor.cursor), [shown])
        rows = [_difference(projection, schema, *row) for row in cursor.fetchall()]
    total = {kind: number for kind, column, number in counts if kind != "column"}
    columns = {column: number for kind, column, number in counts if kind == "column"}
    return Diff(total.get("added", 0), total.get("changed", 0), total.get("removed", 0), columns, rows)


def pairs_of(projection: Projection, schema: str) -> sql.Composed:
    """The query for the rows that differ: kind, key, and the row on both sides."""
    table = projection.rows._meta.db_table
    pk = projection.rows._meta.pk
    assert pk is not None
    names = {"key": sql.Identifier(str(pk.column)), "table": sql.Identifier(table), "schema": sql.Identifier(schema)}
    return sql.SQL(PAIRS).format(kind=sql.SQL(KIND).format(**names), **names)


def _difference(projection: Projection, schema: str, kind: Kind, key: str, live: str | None, beside: str | None) -> Difference:
    was, becomes = (json.loads(row) if row else None for row in (live, beside))
    differing = sorted(name for name in (was or becomes or {}) if (was or {}).get(name) != (becomes or {}).get(name))
    made_by = _event_that_made(projection, schema, key, differing)
    return Difference(kind, key, differing, was, becomes, made_by.id if made_by else None, made_by.name if made_by else None)


def _event_that_made(projection: Projection, schema: str, key: str, columns: list[str]) -> Envelope | None:
    """Fold the row's own events once more: the last one at which a differing column took the value that it now has."""
    made_by, before = None, ""
    attributes = [field.attname for field in projection.rows._meta.concrete_fields if field.column in columns]
    for envelope, row in projection.trace(key, _touches(schema, key)):
        after = repr(row and [getattr(row, attribute) for attribute in attributes])
        if after != before:
            made_by, before = envelope, after
    return made_by


def _touches(schema: str, key: str) -> list[Envelope]:
    statement = sql.SQL("SELECT partition, position FROM {} WHERE key = %s ORDER BY partition, position")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(sql.Identifier(schema, TOUCHES)).as_string(cursor.cursor), [key])
        return [envelope for partition, position in cursor.fetchall() for envelope in read_partition(partition, position - 1, 1)]
