"""Schemas in words, and where in a payload something stands. Pure."""

from collections.abc import Iterator
from typing import Any

Schema = Any  #: a JSON Schema: an object, or True or False

#: What people read; it changes nothing for anybody. `discriminator` repeats what the shapes say.
TELLING = frozenset(("title", "description", "examples", "deprecated", "$comment", "$schema", "$id", "discriminator"))
#: The same, and what does not decide whether a payload is valid.
ANNOTATING = TELLING | {"default", "$defs"}

_types = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}
_formats = {"uuid": "a UUID", "date-time": "a time", "date": "a date", "decimal": "a decimal", "duration": "a duration"}


def resolve(schema: Schema, defs: dict[str, Schema]) -> Schema:
    """What a $ref refers to, with what stands beside it."""
    while isinstance(schema, dict) and "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**defs[schema["$ref"].removeprefix("#/$defs/")], **beside}
    return schema


def branches(schema: Schema, defs: dict[str, Schema]) -> list[Schema]:
    """The shapes that a schema allows, unions in unions taken apart."""
    resolved = resolve(schema, defs)
    if not isinstance(resolved, dict) or "anyOf" not in resolved:
        return [schema]
    return [inner for branch in resolved["anyOf"] for inner in branches(branch, defs)]


def describe(schema: Schema, defs: dict[str, Schema]) -> str:
    """What a schema allows, in a few words."""
    shapes = branches(schema, defs)
    if len(shapes) > 1:
        return " or ".join(dict.fromkeys(describe(shape, defs) for shape in shapes))
    told = resolve(shapes[0], defs)
    if not isinstance(told, dict):
        return "anything" if told else "nothing"
    if "enum" in told:
        values = [repr(value) if value is not None else "null" for value in told["enum"]]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    return _typed(told, defs)


def _typed(told: dict[str, Any], defs: dict[str, Schema]) -> str:
    match told.get("type"):
        case "string":
            what = _formats.get(told.get("format", ""), told.get("format") or "text")
            what += f" of {_span(told, 'minLength', 'maxLength')} characters" if "minLength" in told or "maxLength" in told else ""
            what += f" like {told['pattern']}" if "pattern" in told else ""
            return what + (f" in {told['contentEncoding']}" if "contentEncoding" in told else "")
        case "array":
            parts = [describe(each, defs) for each in told.get("prefixItems", ())]
            what = f"a list of ({', '.join(parts)})" if parts else "a list"
            if "minItems" in told or "maxItems" in told:
                what += f" of {_span(told, 'minItems', 'maxItems')} entries"
            return what + (" without repetition" if told.get("uniqueItems") else "")
        case "object":
            what = str(told.get("title") or "an object")
            if "minProperties" in told or "maxProperties" in told:
                what += f" of {_span(told, 'minProperties', 'maxProperties')} fields"
            return what
        case "integer" | "number" as kind:
            limits = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
            told_limits = [f"{word} {told[key]}" for key, word in limits.items() if key in told]
            told_limits += [f"a multiple of {told['multipleOf']}"] if "multipleOf" in told else []
            return " ".join([_types[kind], *told_limits])
        case str() as kind:
            return _types.get(kind, kind)
    return "anything"


def _span(told: dict[str, Any], low: str, high: str) -> str:
    if high not in told:
        return f"at least {told[low]}"
    return f"{told[low]} to {told[high]}" if low in told else f"at most {told[high]}"


class Place:
    """Where something stands: as people say it (lines[].sku) and as a JSON Pointer into the schema (RFC 6901)."""

    def __init__(self, words: str = "", pointer: str = "#") -> None:
        self.words, self.pointer = words, pointer

    def __str__(self) -> str:
        return f"field {self.words}" if self.words else "the payload"

    def field(self, name: str) -> "Place":
        escaped = name.replace("~", "~0").replace("/", "~1")
        return Place(f"{self.words}.{name}" if self.words else name, f"{self.pointer}/properties/{escaped}")

    def entries(self) -> "Place":
        return Place(f"{self.words}[]", f"{self.pointer}/items")

    def entry(self, index: int) -> "Place":
        return Place(f"{self.words}[{index}]", f"{self.pointer}/prefixItems/{index}")

    def values(self) -> "Place":
        return Place(f"{self.words}.*" if self.words else "*", f"{self.pointer}/additionalProperties")

    def names(self) -> "Place":
        return Place(f"{self.words}.* (its names)" if self.words else "* (its names)", f"{self.pointer}/propertyNames")


def fields(schema: Schema, defs: dict[str, Schema], place: Place, inside: tuple[str, ...] = ()) -> Iterator[tuple[Place, Schema, bool]]:
    """Every field of a schema, inner ones too: where it stands, what it may be, whether it must be there."""
    for shape in branches(schema, defs):
        ref = shape.get("$ref", "") if isinstance(shape, dict) else ""
        if ref in inside:
            continue  # a shape that holds itself is told once
        told, within = resolve(shape, defs), (*inside, ref) if ref else inside
        if not isinstance(told, dict):
            continue
        for name, inner in told.get("properties", {}).items():
            yield place.field(name), inner, name in told.get("required", ())
            yield from fields(inner, defs, place.field(name), within)
        if isinstance(told.get("items"), dict):
            yield from fields(told["items"], defs, place.entries(), within)
        for index, inner in enumerate(told.get("prefixItems", ())):
            yield from fields(inner, defs, place.entry(index), within)
        if isinstance(told.get("additionalProperties"), dict):
            yield from fields(told["additionalProperties"], defs, place.values(), within)
