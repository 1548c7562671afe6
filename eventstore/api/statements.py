"""The few statements of every request, prepared once per connection: PostgreSQL neither parses nor plans them again."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def ask(sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row of an answer."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, values, prepare=True).fetchone()


def tell(sql: str, values: Sequence[Any]) -> int:
    """How many rows a statement changed."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, values, prepare=True).rowcount
