"""Schemas as files beside the code: what was published before is reviewed, and deployed, with what is published next.

`orders/published/order_placed.v1.json` is version 1 of orders.order_placed; a database that begins empty takes over all of them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps

from eventstore.messages import Form, Value, registered_events

FOLDER = "published"
_file_name = re.compile(r"(?P<name>.+)\.v(?P<version>[1-9][0-9]*)(?P<form>\.notification)?\.json")


class Key(Value):
    """Under which a schema is published."""

    name: str
    version: int
    form: Form = "full"

    def __str__(self) -> str:
        return f"{self.name} version {self.version}" + ("" if self.form == "full" else f" ({self.form})")


def app_of(name: str) -> AppConfig | None:
    """The installed app that declares an event; None for what stands elsewhere, such as in a test."""
    cls = registered_events().get(name)
    return apps.get_containing_app_config(cls.__module__) if cls else None


def file_of(key: Key, app: AppConfig) -> Path:
    """Where a schema stands."""
    name = key.name.removeprefix(f"{app.label}.")
    return Path(app.path) / FOLDER / f"{name}.v{key.version}{'.notification' if key.form == 'notification' else ''}.json"


def read_shelves() -> dict[Key, dict[str, Any]]:
    """Every schema of every installed app. Raises ValueError when a file's name says nothing."""
    return {key: json.loads(path.read_text()) for app in apps.get_app_configs() for key, path in _files(app)}


def _files(app: AppConfig) -> Iterator[tuple[Key, Path]]:
    for path in sorted((Path(app.path) / FOLDER).glob("*.json")):
        found = _file_name.fullmatch(path.name)
        if found is None:
            raise ValueError(f"{path} must be called what_happened.v1.json")
        name = found["name"] if "." in found["name"] else f"{app.label}.{found['name']}"
        yield Key(name=name, version=int(found["version"]), form="notification" if found["form"] else "full"), path


def write_shelves(schemas: Mapping[Key, dict[str, Any]], owners: Mapping[Key, AppConfig]) -> list[Path]:
    """Write schemas where they belong; return the files."""
    written = []
    for key, schema in schemas.items():
        path = file_of(key, owners[key])
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
        written.append(path)
    return written
