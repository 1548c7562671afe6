"""The few statements of every request and every step, prepared once per connection: PostgreSQL neither parses nor plans them again."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection

Values = Sequence[Any] | Mapping[str, Any]


def ask(sql: str, values: Values = ()) -> tuple[Any, ...] | None:
    """The first row of an answer."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, values, prepare=True).fetchone()


def ask_all(sql: str, values: Values = (), *, prepare: bool = True, binary: bool = False) -> list[tuple[Any, ...]]:
    """All rows of an answer. Binary is cheaper where there are many, and reads jsonb as values instead of text."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, values, prepare=prepare, binary=binary).fetchall()


def tell(sql: str, values: Values = ()) -> int:
    """How many rows a statement changed."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, values, prepare=True).rowcount
