"""Tables beside the live ones: made alike, filled by unchanged handlers under another search path, swapped in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection
from psycopg import sql

from eventstore.messages import Envelope
from eventstore.projections import Projection

#: Which events touched which row, in the order of the log: what a preview explains its differences with.
TOUCHES = "daybook_touch"


def _execute(statement: sql.Composable, values: Sequence[str] = ()) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.cursor), values)
        return cursor.fetchall() if cursor.description else []


def make(schema: str, tables: Iterable[str]) -> None:
    """A schema with an empty table like each of these, with constraints and indexes of the same names, and a table for touches."""
    where = sql.Identifier(schema)
    _execute(sql.SQL("CREATE SCHEMA {}").format(where))
    for table in tables:
        beside, live = sql.Identifier(schema, table), sql.Identifier("public", table)
        _execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING INDEXES)").format(beside, live))
        # One by one, because LIKE would invent names, and the next migration looks for those it gave.
        for name, definition in _constraints(table):
            _execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(beside, sql.Identifier(name)) + sql.SQL(definition))
        for definition in _indexes(table):
            _execute(sql.SQL(definition.replace(f" ON public.{table} ", f' ON "{schema}".{table} ', 1)))
    touches = sql.SQL("CREATE TABLE {} (key text, partition smallint, position bigint, PRIMARY KEY (key, partition, position))")
    _execute(touches.format(sql.Identifier(schema, TOUCHES)))


def _constraints(table: str) -> list[tuple[str, ...]]:
    found = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'x')"
    return _execute(sql.SQL(found), [f"public.{table}"])


def _indexes(table: str) -> list[str]:
    found = """SELECT pg_get_indexdef(indexrelid) FROM pg_index
               WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)"""
    return [definition for (definition,) in _execute(sql.SQL(found), [f"public.{table}"])]


def drop(schema: str) -> None:
    """Throw the tables of a run away."""
    _execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def swap(schema: str, tables: Iterable[str]) -> None:
    """Let the shadow tables be the live ones and the live ones the shadow, inside the caller's transaction. Twice is a rollback."""
    aside = sql.Identifier(f"{schema}_aside")
    beside, live = sql.Identifier(schema), sql.Identifier("public")
    _execute(sql.SQL("CREATE SCHEMA {}").format(aside))
    for table in tables:
        name = sql.Identifier(table)
        _execute(sql.SQL("ALTER TABLE {}.{} SET SCHEMA {}").format(live, name, aside))
        _execute(sql.SQL("ALTER TABLE {}.{} SET SCHEMA {}").format(beside, name, live))
        _execute(sql.SQL("ALTER TABLE {}.{} SET SCHEMA {}").format(aside, name, beside))
    _execute(sql.SQL("DROP SCHEMA {}").format(aside))


@contextmanager
def looking_at(schema: str) -> Iterator[None]:
    """Let unchanged SQL find the tables of a schema first, and everything else where it was, inside this transaction.

    An error needs no way back: it ends the transaction or its savepoint, and the search path with it.
    """
    ((before,),) = _execute(sql.SQL("SELECT current_setting('search_path')"))
    _execute(sql.SQL("SELECT set_config('search_path', %s, true)"), [f"{schema}, public"])
    yield
    _execute(sql.SQL("SELECT set_config('search_path', %s, true)"), [before])


def note_touches(projection: Projection, envelopes: Sequence[Envelope]) -> None:
    """Remember which rows a batch touched; inside the step's transaction, under the run's search path."""
    touched = [(str(key), e.partition, e.position) for e in envelopes for key in projection.keys_of(e)]
    columns = [list(column) for column in zip(*touched, strict=True)] or [[], [], []]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TOUCHES} SELECT * FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) ON CONFLICT DO NOTHING", columns
        )
