"""Schemas as msgspec derives them, small changes to them, and payloads that a writer with such a schema writes."""

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

TEXT = st.text("abé1", max_size=6)
PATTERNS = ["^[a-c]{1,3}$", "^(0|[1-9][0-9]{0,3})$"]
KEYS = ["a", "b", "c"]


def bounded(kind: str, low: str, high: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    limits = st.fixed_dictionaries({}, optional={low: st.integers(0, most), high: st.integers(0, most)})
    return limits.filter(lambda found: found.get(low, 0) <= found.get(high, most)).map(lambda found: {"type": kind, **found})


numbers = st.one_of(
    bounded("integer", "minimum", "maximum", 4),
    bounded("number", "minimum", "maximum", 4),
    st.integers(0, 3).map(lambda low: {"type": "integer", "exclusiveMinimum": low}),
    st.integers(1, 3).map(lambda high: {"type": "number", "exclusiveMaximum": high}),
    st.sampled_from([2, 4, 3]).map(lambda step: {"type": "integer", "multipleOf": step}),
)
texts = st.one_of(
    bounded("string", "minLength", "maxLength", 4),
    st.sampled_from(PATTERNS).map(lambda pattern: {"type": "string", "pattern": pattern}),
    st.sampled_from(["uuid", "date"]).map(lambda form: {"type": "string", "format": form}),
)
leaves = st.one_of(
    numbers,
    texts,
    st.sampled_from([{}, {"type": "boolean"}, {"type": "null"}]),
    st.lists(st.sampled_from(["a", "b", "", 1, None]), min_size=1, max_size=3, unique_by=repr).map(lambda values: {"enum": values}),
    st.sampled_from([{"$ref": "#/$defs/Inner"}, {"$ref": "#/$defs/Tree"}]),
)


def structs(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """As msgspec writes a class: names its fields, and closes only where it forbids unknown ones."""

    def build(fields: dict[str, Any], needed: list[str], closed: bool) -> dict[str, Any]:
        told = {"type": "object", "properties": fields, "required": [name for name in fields if name in needed]}
        return told | ({"additionalProperties": False} if closed else {})

    return st.builds(build, st.dictionaries(st.sampled_from(KEYS), inner, max_size=3), st.lists(st.sampled_from(KEYS)), st.booleans())


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    def tuple_of(parts: list[Any]) -> dict[str, Any]:
        return {"type": "array", "minItems": len(parts), "maxItems": len(parts), "prefixItems": parts, "items": False}

    def like_an_array(parts: list[Any], least: int) -> dict[str, Any]:
        return {"type": "array", "prefixItems": parts, "minItems": min(least, len(parts))}

    return st.one_of(
        structs(inner),
        structs(inner),
        st.builds(lambda limits, entry: {**limits, "items": entry}, bounded("array", "minItems", "maxItems", 3), inner),
        st.builds(lambda entry: {"type": "array", "items": entry, "uniqueItems": True}, numbers),
        st.lists(inner, min_size=1, max_size=2).map(tuple_of),
        st.builds(like_an_array, st.lists(inner, min_size=1, max_size=2), st.integers(0, 2)),
        st.builds(lambda value: {"type": "object", "additionalProperties": value}, inner),
        st.builds(
            lambda value, most: {"type": "object", "propertyNames": {"maxLength": most}, "additionalProperties": value},
            inner,
            st.integers(1, 2),
        ),
        st.lists(inner, min_size=2, max_size=3).map(lambda shapes: {"anyOf": shapes}),
    )


parts = st.recursive(leaves, containers, max_leaves=6)
trees = inner_structs = structs(leaves)


def closed(top: dict[str, Any], inner: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """A document. Tree holds itself."""
    fields = {**tree["properties"], "next": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}}
    return {**top, "$defs": {"Inner": inner, "Tree": {**tree, "properties": fields}}}


flat = structs(st.one_of(numbers, texts))
schemas = st.builds(closed, structs(parts), flat, flat)


@st.composite
def changed(draw: Any, schema: Any) -> Any:
    """The same schema, with something in it that is different."""
    if not isinstance(schema, dict) or draw(st.integers(0, 6)) == 0:
        return draw(parts)
    told = dict(schema)
    key = draw(st.sampled_from([*told, "new"]))
    match key:
        case "properties" if told["properties"]:
            name = draw(st.sampled_from(sorted(told["properties"])))
            change = draw(st.sampled_from(["drop", "change", "change", "add"]))
            fields = dict(told["properties"])
            if change == "drop":
                del fields[name]
            elif change == "add":
                fields[draw(st.sampled_from([*KEYS, "d"]))] = draw(leaves)
            else:
                fields[name] = draw(changed(fields[name]))
            told["properties"] = fields
            told["required"] = [each for each in told["required"] if each in fields]
        case "required":
            told["required"] = [name for name in told["properties"] if draw(st.booleans())]
        case "items" | "additionalProperties":
            told[key] = draw(changed(told[key]))
        case "anyOf" | "prefixItems":
            index = draw(st.integers(0, len(told[key]) - 1))
            told[key] = [draw(changed(part)) if at == index else part for at, part in enumerate(told[key])]
        case "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems" | "exclusiveMinimum" | "exclusiveMaximum":
            told[key] = max(0, told[key] + draw(st.sampled_from([-1, 1])))
        case "multipleOf":
            told[key] = draw(st.sampled_from([1, 2, 4]))
        case "enum":
            told[key] = draw(st.sampled_from([told[key][1:] or ["a"], [*told[key], "z"]]))
        case "$ref":
            return draw(st.sampled_from([{"$ref": "#/$defs/Inner"}, {"$ref": "#/$defs/Tree"}, {}]))
        case "new" if told.get("type") == "object":
            told["additionalProperties"] = draw(st.sampled_from([False, {"type": "integer"}]))
        case "$defs":
            name = draw(st.sampled_from(["Inner", "Tree"]))
            told["$defs"] = {**told["$defs"], name: draw(changed(told["$defs"][name]))}
    return told


def payloads(schema: Any, defs: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """What a writer with this schema writes: what it names, and nothing else."""
    if schema is False or depth > 7:
        return st.nothing()
    if schema is True or not set(schema) - {"$defs"}:
        return st.one_of(st.none(), st.booleans(), st.integers(-3, 6), TEXT, st.lists(st.integers(0, 2), max_size=2))
    if "$ref" in schema:
        return st.deferred(lambda: payloads(defs[schema["$ref"].removeprefix("#/$defs/")], defs, depth + 1))
    if "anyOf" in schema:
        return st.one_of([payloads(part, defs, depth + 1) for part in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _typed(schema, defs, depth)


def _typed(schema: dict[str, Any], defs: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "integer" | "number" as kind:
            low = schema.get("minimum", schema.get("exclusiveMinimum", -6))
            high = schema.get("maximum", schema.get("exclusiveMaximum", max(8, low + 4)))
            wide = max(high, low)
            found = st.integers(low, wide) if kind == "integer" else st.one_of(st.integers(low, wide), st.floats(low, wide, width=16))
            return found.filter(
                lambda n: (
                    ("minimum" not in schema or n >= schema["minimum"])
                    and ("exclusiveMinimum" not in schema or n > schema["exclusiveMinimum"])
                    and ("maximum" not in schema or n <= schema["maximum"])
                    and ("exclusiveMaximum" not in schema or n < schema["exclusiveMaximum"])
                    and n % schema.get("multipleOf", 1) == 0
                    if kind == "integer"
                    else True
                )
            )
        case "string":
            if "pattern" in schema:
                return st.from_regex(schema["pattern"].replace("$", r"\Z"), fullmatch=True)
            if "format" in schema:
                made = {"uuid": st.integers(0, 9).map(lambda n: str(UUID(int=n))), "date": st.dates().map(lambda day: day.isoformat())}
                return made[schema["format"]]
            return st.text(
                "abé1", min_size=schema.get("minLength", 0), max_size=max(schema.get("maxLength", 6), schema.get("minLength", 0))
            )
        case "array":
            return _lists(schema, defs, depth)
    return _objects(schema, defs, depth)


def _lists(schema: dict[str, Any], defs: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    first = [payloads(part, defs, depth + 1) for part in schema.get("prefixItems", ())]
    least, most = schema.get("minItems", 0), schema.get("maxItems", 4)
    if first:
        counts = st.integers(min(least, len(first)), len(first))
        return counts.flatmap(lambda count: st.tuples(*first[:count]).map(list)) if least <= len(first) else st.nothing()
    entry = payloads(schema.get("items", True), defs, depth + 1)
    if entry.is_empty:
        return st.just([]) if least == 0 else st.nothing()
    unique = (lambda value: float(value)) if schema.get("uniqueItems") else None
    return st.lists(entry, min_size=least, max_size=most, unique_by=unique) if most >= least else st.nothing()


def _objects(schema: dict[str, Any], defs: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    named = {name: payloads(part, defs, depth + 1) for name, part in schema.get("properties", {}).items()}
    needed = {name: part for name, part in named.items() if name in schema.get("required", ())}
    if any(part.is_empty for part in needed.values()):
        return st.nothing()
    optional = {name: part for name, part in named.items() if name not in needed and not part.is_empty}
    found = st.fixed_dictionaries(needed, optional=optional)
    beside = schema.get("additionalProperties", "properties" not in schema)
    if beside is False or (beside is not True and payloads(beside, defs, depth + 1).is_empty):
        return found
    most = schema.get("propertyNames", {}).get("maxLength", 3)
    others = st.dictionaries(st.text("abcdx", max_size=most), payloads(beside, defs, depth + 1), max_size=2)
    return st.builds(lambda more, fields: {**more, **fields}, others, found)
