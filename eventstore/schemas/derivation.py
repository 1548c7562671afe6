"""Schemas from event classes: the same bytes for the same class, refs closed, descriptions kept. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eventstore.messages import Event
from eventstore.schemas.wording import TELLING

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(cls: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's payload, as a document that needs no other."""
    derived = msgspec.json.schema(cls)
    name = derived["$ref"].removeprefix("#/$defs/")
    defs = {key: _ecma(part) for key, part in derived["$defs"].items()}
    top = defs[name]
    if not _mentions(defs, name):
        del defs[name]
    return {"$schema": DIALECT, **top, **({"$defs": dict(sorted(defs.items()))} if defs else {})}


def notification_of(schema: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The schema of a notification: these fields of the full form."""
    picked = {name: schema["properties"][name] for name in names if name in schema["properties"]}
    told = {key: value for key, value in schema.items() if key != "$defs"}
    defs = _reachable(picked, schema.get("$defs", {}))
    required = [name for name in picked if name in schema.get("required", ())]
    return {**told, "properties": picked, "required": required, **({"$defs": defs} if defs else {})}


def comparable(schema: Any) -> Any:
    """A schema without what changes nothing for anybody: descriptions, the names of inner shapes, the order of things."""
    defs = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    names: dict[str, int] = {}  # inner shapes are numbered as they are met
    shapes: list[Any] = []

    def plain(part: Any) -> Any:
        match part:
            case {"$ref": str(ref)}:
                name = ref.removeprefix("#/$defs/")
                if name not in names:
                    names[name] = len(shapes)
                    shapes.append(None)
                    shapes[names[name]] = plain(defs[name])
                return {"$ref": names[name]}
            case dict():
                return {key: _part(key, inner) for key, inner in sorted(part.items()) if key not in TELLING and key != "$defs"}
            case list():
                return [plain(inner) for inner in part]
        return part

    def _part(key: str, inner: Any) -> Any:
        if key == "properties":
            return {name: plain(field) for name, field in sorted(inner.items())}
        if key in ("required", "enum"):
            return sorted(inner, key=repr)
        return inner if key == "default" else plain(inner)

    return [plain(schema), shapes]


def _ecma(part: Any) -> Any:
    """As msgspec derives it, with Python's end of string in ECMA's words."""
    match part:
        case dict():
            return {
                key: inner.replace(r"\Z", "$") if key == "pattern" and isinstance(inner, str) else _ecma(inner)
                for key, inner in part.items()
            }
        case list() | tuple():
            return [_ecma(inner) for inner in part]
    return part


def _mentions(part: Any, name: str) -> bool:
    match part:
        case {"$ref": str(ref)} if ref == f"#/$defs/{name}":
            return True
        case dict():
            return any(_mentions(inner, name) for inner in part.values())
        case list():
            return any(_mentions(inner, name) for inner in part)
    return False


def _reachable(part: Any, defs: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [part]
    while waiting:
        here = waiting.pop()
        for name, inner in defs.items():
            if name not in found and _mentions(here, name):
                found[name] = inner
                waiting.append(inner)
    return dict(sorted(found.items()))
