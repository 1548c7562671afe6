"""The rows a batch touches: loaded in one query, changed in memory, written back in one upsert with sorted keys."""

import json
from collections.abc import Hashable, Iterable
from functools import cache
from typing import Any

import psycopg
from django.db import connection, models


class Rows:
    """Rows of one read table by primary key. A key without a row gets a blank one that `write` inserts."""

    def __init__(self, model: type[models.Model], keys: Iterable[Hashable]) -> None:
        self._model = model
        wanted = set(keys)
        self._rows: dict[Hashable, models.Model | None] = dict.fromkeys(wanted)
        self._rows |= {row.pk: row for row in model._base_manager.filter(pk__in=wanted)}
        self._stored = {key for key, row in self._rows.items() if row is not None}

    def __getitem__(self, key: Hashable) -> models.Model:
        row = self._rows[key]
        if row is None:
            row = self._rows[key] = self._model(pk=key)
        return row

    def keep(self, key: Hashable, row: models.Model | None) -> None:
        """What a handler made of the row; None takes it out of the table."""
        self._rows[key] = row

    def write(self) -> None:
        """Upsert what is there, delete what is not. Sorted, so that two batches never wait for each other in a circle."""
        gone = [key for key in self._stored if self._rows[key] is None]
        if gone:
            self._model._base_manager.filter(pk__in=gone).delete()
        kept = sorted((row for row in self._rows.values() if row is not None), key=lambda row: str(row.pk))
        if kept:
            upsert(self._model, kept)


def upsert(model: type[models.Model], rows: list[Any]) -> None:
    """Write rows of a read table in one statement, whatever their number: one array a column."""
    statement, columns = _plan(model)
    values = [[prepare(getattr(row, attribute)) for row in rows] for attribute, prepare in columns]
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=True)


@cache
def _plan(model: type[models.Model]) -> tuple[str, list[tuple[str, Any]]]:
    fields = model._meta.concrete_fields
    names = [f'"{field.column}"' for field in fields]
    kinds = [str(field.db_type(connection)) for field in fields]
    # jsonb goes as text: an array of documents has no other spelling that psycopg and PostgreSQL share.
    arrays = ", ".join(f"%s::{'text' if kind == 'jsonb' else kind}[]" for kind in kinds)
    read = ", ".join(f"{name}::{kind}" for name, kind in zip(names, kinds, strict=True))
    key = f'"{model._meta.pk.column}"' if model._meta.pk else ""
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name != key)
    statement = (
        f'INSERT INTO "{model._meta.db_table}" ({", ".join(names)}) '
        f"SELECT {read} FROM unnest({arrays}) AS given({', '.join(names)}) "
        f"ON CONFLICT ({key}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")
    )
    return statement, [(field.attname, _preparation(field)) for field in fields]


def _preparation(field: Any) -> Any:
    if isinstance(field, models.JSONField):
        encoder = field.encoder
        return lambda value: None if value is None else json.dumps(value, cls=encoder, ensure_ascii=False)
    if isinstance(field, models.DecimalField | models.UUIDField):
        return field.to_python  # an array has one type: 5 and Decimal(5) may not stand side by side
    return lambda value: value
