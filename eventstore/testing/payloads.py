"""Payloads as a writer with a given JSON Schema may write them: the smallest first, then all kinds, the same ones every time."""

from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

DEEP = 5  #: where a shape that holds itself ends
#: PostgreSQL keeps neither NUL nor half a surrogate pair, so no event has them.
TEXT = st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"])
FORMATS: dict[str, Strategy] = {
    "uuid": st.uuids().map(str),
    "date": st.dates().map(lambda day: day.isoformat()),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    "time": st.times().map(lambda moment: moment.isoformat()),
    "duration": st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
}


def payloads_of(schema: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """So many payloads that keep to an event's schema. One of them in two has a field that the schema does not name."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(_strategy(schema, schema.get("$defs", {}), 0), st.booleans())
    def note(payload: dict[str, Any], newer: bool) -> None:
        found.append(payload | {"of_a_newer_writer": True} if newer else payload)

    note()
    return found


def _strategy(schema: Any, defs: dict[str, Any], depth: int) -> Strategy:
    if schema is True or not set(schema) - {"title", "description", "default", "examples", "$defs"}:
        return st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(TEXT, max_size=5))
    match schema:
        case {"$ref": str(ref)}:
            inner = defs[ref.removeprefix("#/$defs/")]
            return st.deferred(lambda: _strategy(inner, defs, depth + 1))
        case {"anyOf": options} | {"oneOf": options}:
            # Where a shape holds itself, the way out is the branch that names no shape.
            shallow = [option for option in options if depth < DEEP or "$ref" not in option] or options
            return st.one_of([_strategy(option, defs, depth + 1) for option in shallow])
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"type": "object"}:
            return _objects(schema, defs, depth)
        case {"type": "array"}:
            return _lists(schema, defs, depth)
        case {"type": kind}:
            return _plain(kind, schema)
    raise ValueError(f"No payload can be made of the schema {schema}")


def _plain(kind: str, schema: dict[str, Any]) -> Strategy:
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer" | "number":
            step = schema.get("multipleOf", 1)
            low = schema.get("minimum", schema.get("exclusiveMinimum", -(10**9)) + ("exclusiveMinimum" in schema))
            high = schema.get("maximum", schema.get("exclusiveMaximum", 10**9) - ("exclusiveMaximum" in schema))
            return st.integers(-(-low // step), high // step).map(lambda times: times * step)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=TEXT)
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    least = schema.get("minLength", 0)
    return st.text(TEXT, min_size=least, max_size=schema.get("maxLength", least + 40))


def _lists(schema: dict[str, Any], defs: dict[str, Any], depth: int) -> Strategy:
    if "prefixItems" in schema:
        return st.tuples(*(_strategy(part, defs, depth + 1) for part in schema["prefixItems"])).map(list)
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", least + 3), least + 3) if depth < DEEP else least
    return st.lists(_strategy(schema.get("items", True), defs, depth + 1), min_size=least, max_size=most)


def _objects(schema: dict[str, Any], defs: dict[str, Any], depth: int) -> Strategy:
    fields = {name: _strategy(part, defs, depth + 1) for name, part in schema.get("properties", {}).items()}
    needed = {name: fields[name] for name in schema.get("required", ())}
    optional = {name: part for name, part in fields.items() if name not in needed} if depth < DEEP else {}
    if fields or "additionalProperties" not in schema:
        return st.fixed_dictionaries(needed, optional=optional)
    return st.dictionaries(st.text(TEXT, min_size=1, max_size=8), _strategy(schema["additionalProperties"], defs, depth + 1), max_size=3)
