"""Bodies into commands, and every mistake of a body with its pointer."""

import difflib
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import jsonschema_rs
import msgspec

from eventstore.api.problems import Problem

C = TypeVar("C", bound=msgspec.Struct)

MOST = 100  #: mistakes listed in one answer
REF = "#/$defs/{name}"


def decode(shape: type[C], value: Any, given: dict[str, Any]) -> C:
    """A Struct from parsed JSON, plus the fields that are `given` by the URL. Raises Problem with every mistake.

    The schema looks first: inner Structs are shared with events and tolerate unknown fields, a request may not hold any.
    """
    validator, schema = _validator(shape, tuple(given))
    if not validator.is_valid(value):
        mistakes = [mistake for error in validator.iter_errors(value) for mistake in _explain(error, schema)]
        raise Problem("validation_error", _summary(mistakes), errors=mistakes[:MOST])
    try:
        return msgspec.convert(value | given, shape)
    except msgspec.ValidationError as error:
        # What JSON Schema cannot say, such as 1.0 being no integer for us.
        sentence, _, path = str(error).partition(" - at `$")
        raise Problem("validation_error", errors=[{"pointer": _dotted(path), "detail": sentence, "code": "type"}]) from error


@cache
def schema_of(shape: type[msgspec.Struct], given: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON Schema of a request body: closed at every level, without the fields that the URL gives."""
    (top,), components = msgspec.json.schema_components([shape], ref_template=REF)
    components = {name: _strict(component) for name, component in components.items()}
    own = components[shape.__name__]
    own["properties"] = {name: field for name, field in own["properties"].items() if name not in given}
    own["required"] = [name for name in own.get("required", ()) if name not in given]
    return {**top, "$defs": components}


def _strict(schema: Any) -> Any:
    """As msgspec derives it, with every object closed and Python's end of string in ECMA's words."""
    match schema:
        case dict():
            strict = {key: _strict(inner) for key, inner in schema.items()}
            if "properties" in strict:
                strict["additionalProperties"] = False
            if isinstance(strict.get("pattern"), str):
                strict["pattern"] = strict["pattern"].replace(r"\Z", "$")
            return strict
        case list():
            return [_strict(inner) for inner in schema]
    return schema


@cache
def _validator(shape: type[msgspec.Struct], given: tuple[str, ...]) -> tuple[jsonschema_rs.Draft202012Validator, dict[str, Any]]:
    schema = schema_of(shape, given)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True), schema


def _explain(error: Any, schema: dict[str, Any]) -> Iterator[dict[str, str]]:
    kind, path = error.kind, list(error.instance_path)
    facts = kind.as_dict()
    match kind.name:
        case "anyOf" | "oneOf" if facts.get("context"):
            # Of several shapes, the one that got furthest is the one that was meant.
            meant = max(kind.context, key=lambda branch: max(len(inner.instance_path) for inner in branch))
            for inner in meant:
                yield from _explain(inner, schema)
        case "required":
            yield {"pointer": _pointer([*path, facts["property"]]), "detail": "This field is required.", "code": "required"}
        case "additionalProperties":
            for name in facts["unexpected"]:
                near = difflib.get_close_matches(name, schema["$defs"][error.schema_path[1]]["properties"], n=1)
                meant = f" Did you mean {near[0]}?" if near else ""
                yield {"pointer": _pointer([*path, name]), "detail": f"There is no such field.{meant}", "code": "unknown_field"}
        case name:
            yield {"pointer": _pointer(path), "detail": _short(error.message), "code": name}


def _pointer(path: list[str | int]) -> str:
    """RFC 6901, as a URI fragment."""
    return "#" + "".join("/" + quote(str(part).replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@") for part in path)


def _dotted(path: str) -> str:
    """A path as msgspec writes it, such as `.lines[0].quantity`."""
    parts: list[str | int] = [part for part in path.rstrip("`").replace("[", ".").replace("]", "").split(".") if part]
    return _pointer(parts)


def _short(message: str, most: int = 200) -> str:
    return message if len(message) <= most else f"{message[: most // 2]} … {message[-most // 2 :]}"


def _summary(mistakes: list[dict[str, str]]) -> str:
    more = f" And {len(mistakes) - 1} more, see errors." if len(mistakes) > 1 else ""
    return f"{mistakes[0]['pointer']}: {mistakes[0]['detail']}{more}"
