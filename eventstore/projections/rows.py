"""The rows a batch touches: loaded in one query, changed in memory, written back in one upsert with sorted keys.

Past the ORM on purpose: its queries, instances and arrays cost more than all the rest of a batch.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models

from eventstore.statements import ask_all, tell


class Rows:
    """Rows of one read table by primary key. A key without a row gets a blank one that `write` inserts."""

    def __init__(self, model: type[models.Model], keys: Iterable[Hashable]) -> None:
        self._model = model
        wanted = set(keys)
        self._rows: dict[Hashable, models.Model | None] = dict.fromkeys(wanted)
        self._rows |= {row.pk: row for row in load(model, wanted)}
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


def load(model: type[models.Model], keys: Iterable[Hashable]) -> list[models.Model]:
    """The rows of a read table that have these keys."""
    table = table_of(model)
    # Not prepared: a plan that was made for an empty table would read the whole of a large one.
    found = ask_all(table.loading, [list(keys)], prepare=False, binary=True)
    return [model.from_db(connection.alias, table.attributes, row) for row in found]


def upsert(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Write rows of a read table in one statement, whatever their number: they travel as one document."""
    table = table_of(model)
    document = msgspec.json.encode([dict(zip(table.columns, table.values_of(row), strict=True)) for row in rows]).decode()
    tell(table.upserting, [document])


class Table(msgspec.Struct, frozen=True):
    """How rows of a read table come and go."""

    attributes: list[str]
    columns: list[str]
    values_of: Callable[[models.Model], tuple[Any, ...]]
    loading: str
    upserting: str


@cache
def table_of(model: type[models.Model]) -> Table:
    """Raises ImproperlyConfigured when a field is more than its column."""
    fields = model._meta.concrete_fields
    for field in fields:
        if field.get_db_converters(connection) and not isinstance(field, models.JSONField):
            raise ImproperlyConfigured(f"{model.__name__}.{field.name} converts what it reads; a read table has plain fields only.")
    name, key = f'"{model._meta.db_table}"', f'"{model._meta.pk.column}"' if model._meta.pk else ""
    columns = ", ".join(f'"{field.column}"' for field in fields)
    changes = ", ".join(f'"{field.column}" = EXCLUDED."{field.column}"' for field in fields if not field.primary_key)
    return Table(
        attributes=[field.attname for field in fields],
        columns=[str(field.column) for field in fields],
        values_of=attrgetter(*(field.attname for field in fields)),
        loading=f"SELECT {columns} FROM {name} WHERE {key} = ANY(%s)",
        upserting=f"INSERT INTO {name} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{name}, %s) "
        f"ON CONFLICT ({key}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING"),
    )
