"""May the next version go out? In sentences, and never too kindly."""

from typing import Annotated, Any, Literal

import jsonschema_rs
from django.test import SimpleTestCase
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from eventstore.messages import Event, Value
from eventstore.schemas import breaks, comparable, differences, misfits, schema_of
from tests.eventstore.schemas.generating import changed, containers, numbers, payloads, schemas, texts


class Line(Value):
    sku: str


class Placed(Event):
    """A customer committed to buy."""

    order_id: str
    currency: str
    kind: Literal["web", "shop"]
    quantity: Annotated[int, Meta(ge=1, le=10)]
    lines: tuple[Line, ...]
    note: str | None = None


PLACED = schema_of(Placed)


def without(name: str) -> dict[str, Any]:
    fields = {key: field for key, field in PLACED["properties"].items() if key != name}
    return {**PLACED, "properties": fields, "required": [key for key in PLACED["required"] if key != name]}


def having(needed: bool = True, **fields: Any) -> dict[str, Any]:
    return {
        **PLACED,
        "properties": PLACED["properties"] | fields,
        "required": sorted({*PLACED["required"], *(fields if needed else ())}),
    }


def told(rule: Any, new: dict[str, Any]) -> list[str]:
    return [misfit.sentence for misfit in breaks(rule, PLACED, new)]


class ForwardReaders(SimpleTestCase):
    """Whoever reads with the schema of before gets what is written now."""

    def test_a_field_that_is_removed_is_still_asked_for(self):
        (misfit,) = breaks("forward", PLACED, without("currency"))
        self.assertEqual(misfit.sentence, "field currency was removed: whoever reads version 1 still asks for it")
        self.assertEqual(misfit.pointer, "#/properties/currency")

    def test_a_field_that_may_be_left_out_may_also_go(self):
        self.assertEqual(told("forward", without("note")), [])

    def test_a_field_more_is_nobodys_trouble(self):
        self.assertEqual(told("forward", having(channel={"type": "string"})), [])

    def test_a_value_more_is_one_that_readers_refuse(self):
        new = having(kind={"enum": ["phone", "shop", "web"]})
        self.assertEqual(told("forward", new), ["field kind may be 'phone' now: whoever reads version 1 takes only one of 'shop', 'web'"])

    def test_a_wider_range_is_refused_by_readers_and_a_narrower_one_is_not(self):
        wider = having(quantity={"type": "integer", "minimum": 0, "maximum": 10})
        self.assertEqual(
            told("forward", wider),
            ["field quantity may be 0 now: whoever reads version 1 takes only a whole number from 1 to 10"],
        )
        self.assertEqual(told("forward", having(quantity={"type": "integer", "exclusiveMinimum": 0, "maximum": 9})), [])

    def test_the_inside_of_a_list_is_looked_at_too(self):
        new = {**PLACED, "$defs": {"Line": {"type": "object", "properties": {"sku": {"type": "integer"}}, "required": ["sku"]}}}
        (misfit,) = breaks("forward", PLACED, new)
        self.assertEqual(misfit.sentence, "field lines[].sku may be a whole number now: whoever reads version 1 takes only text")
        self.assertEqual(misfit.pointer, "#/properties/lines/items/properties/sku")

    def test_null_is_a_value_like_any_other(self):
        new = having(currency={"anyOf": [{"type": "string"}, {"type": "null"}]})
        self.assertEqual(told("forward", new), ["field currency may be null now: whoever reads version 1 takes only text"])


class BackwardReaders(SimpleTestCase):
    """Whoever reads with the schema of now gets what was recorded before."""

    def test_a_new_field_that_must_be_there_was_not_recorded(self):
        new = having(channel={"type": "string"})
        self.assertEqual(told("backward", new), ["field channel was added and must be there: what was written as version 1 has not got it"])
        self.assertEqual(told("backward", having(False, channel={"type": "string"})), [])

    def test_a_field_that_is_removed_is_not_missed(self):
        self.assertEqual(told("backward", without("currency")), [])

    def test_a_value_that_was_recorded_must_still_be_read(self):
        new = having(kind={"enum": ["web"]})
        self.assertEqual(told("backward", new), ["field kind could be 'shop' in version 1: version 2 takes only 'web'"])

    def test_full_asks_for_both(self):
        new = {**without("currency"), "required": [*without("currency")["required"], "note"]}
        self.assertEqual(
            told("full", new),
            [
                "field currency was removed: whoever reads version 1 still asks for it",
                "field note must be there now: what was written as version 1 may lack it",
            ],
        )
        self.assertEqual(told("none", new), [])


class WhatChangesNothing(SimpleTestCase):
    def test_other_words_and_other_names_of_inner_shapes(self):
        class Zeile(Value):
            """One line, described."""

            sku: str

        class Placed(Event):
            """A customer wants to buy, and says so."""

            order_id: str
            currency: Annotated[str, Meta(description="ISO 4217")]
            kind: Literal["web", "shop"]
            quantity: Annotated[int, Meta(ge=1, le=10)]
            lines: tuple[Zeile, ...]
            note: str | None = None

        again = schema_of(Placed)
        self.assertNotEqual(again, PLACED)
        self.assertEqual(comparable(again), comparable(PLACED))
        self.assertEqual(differences(again, PLACED), [])

    def test_another_default_means_something_else(self):
        new = having(False, note={**PLACED["properties"]["note"], "default": "none"})
        self.assertNotEqual(comparable(new), comparable(PLACED))
        self.assertEqual(len(differences(PLACED, new)), 1)

    def test_differences_are_told_whoever_minds(self):
        new = {**without("currency"), "properties": {**without("currency")["properties"], "note": {"type": "integer"}}}
        self.assertEqual(
            [change.sentence for change in differences(PLACED, new)],
            ["field currency was removed", "field note was text or null and is a whole number"],
        )


def integer(**limits: Any) -> dict[str, Any]:
    return {"type": "integer", **limits}


def string(**limits: Any) -> dict[str, Any]:
    return {"type": "string", **limits}


def array(**limits: Any) -> dict[str, Any]:
    return {"type": "array", **limits}


def mapping(**limits: Any) -> dict[str, Any]:
    return {"type": "object", **limits}


def union(*shapes: Any) -> dict[str, Any]:
    return {"anyOf": list(shapes)}


NUMBER, NULL, BOOLEAN = {"type": "number"}, {"type": "null"}, {"type": "boolean"}
PAIR = array(prefixItems=[integer(), string()], minItems=2, maxItems=2, items=False)

#: One of everything that msgspec derives.
SHAPES: list[dict[str, Any]] = [
    {},
    NULL,
    BOOLEAN,
    NUMBER,
    integer(),
    integer(minimum=0),
    integer(exclusiveMinimum=-1),
    integer(minimum=1, maximum=2),
    integer(exclusiveMinimum=0, exclusiveMaximum=3),
    integer(multipleOf=2),
    integer(multipleOf=4),
    {**NUMBER, "minimum": 0.5},
    {**NUMBER, "exclusiveMinimum": 0.5},
    {**NUMBER, "multipleOf": 0.5},
    {"enum": [1, 2]},
    {"enum": ["a", None]},
    {"enum": [True, False]},
    string(),
    string(minLength=1),
    string(maxLength=2),
    string(minLength=1, maxLength=2),
    string(pattern="^a"),
    string(format="date"),
    string(format="uuid"),
    union(string(), NULL),
    union(integer(), NUMBER, NULL),
    union(string(), integer(), NULL),
    array(),
    array(items=integer()),
    array(items=NUMBER, minItems=1),
    array(items=integer(), maxItems=2),
    array(items=integer(), uniqueItems=True),
    array(items=union(integer(), string())),
    PAIR,
    array(prefixItems=[integer()], minItems=1),
    mapping(),
    mapping(additionalProperties=integer()),
    mapping(additionalProperties=NUMBER, minProperties=1),
    mapping(propertyNames={"maxLength": 1}, additionalProperties=integer()),
    mapping(properties={"a": integer()}, required=["a"]),
    mapping(properties={"a": NUMBER}, required=[]),
    mapping(properties={"a": integer()}, required=["a"], additionalProperties=False),
    mapping(properties={"a": integer(), "b": string()}, required=["a"]),
    mapping(properties={"a": integer(), "b": string()}, required=["a", "b"], additionalProperties=False),
    union(mapping(properties={"a": integer()}, required=["a"]), NULL),
]
#: Payloads that tell any two of them apart.
PAYLOADS: list[Any] = [None, True, False, -4, -2, -1, 0, 1, 2, 3, 4, 6, 0.25, 0.5, 0.75, 1.5, -0.5, "", "a", "ab", "abc", "b", "2026-01-31"]
PAYLOADS += [
    "00000000-0000-0000-0000-000000000001",
    [],
    [1],
    [1, 2],
    [1, 1],
    [1, 2, 3],
    [0.5],
    [1, "a"],
    ["a"],
    [None],
    [1, None],
    [0.5, 0.5],
]
PAYLOADS += [
    [1, "a", 2],
    {},
    {"a": 1},
    {"a": 0.5},
    {"a": "x"},
    {"a": 1, "b": "x"},
    {"a": 1, "b": 2},
    {"b": "x"},
    {"b": 2},
    {"ab": 1},
    {"c": None},
]
PAYLOADS += [["a", "b"], ["a", 1], {"a": 0.5, "b": "x"}, {"c": 1}, {"a": None}]

#: Here it says no to be on the safe side: what a pattern matches is not looked at.
DOUBTS = [(string(minLength=1), string(pattern="^a"))]


def writes(schema: dict[str, Any], payload: Any) -> bool:
    """Whether a writer with this schema writes this payload: only what its schema names."""
    if not jsonschema_rs.is_valid(schema, payload, validate_formats=True):
        return False
    if "anyOf" in schema:
        return any(writes(shape, payload) for shape in schema["anyOf"])
    if "properties" in schema:
        return set(payload) <= set(schema["properties"])
    return not ("prefixItems" in schema and len(payload) > len(schema["prefixItems"]))


class Exact(SimpleTestCase):
    """It says yes exactly where everything that one writes is read by the other."""

    def test_every_shape_against_every_other(self):
        defs: dict[str, Any] = {"$defs": {}}
        for old in SHAPES:
            for new in (shape for shape in SHAPES if (old, shape) not in DOUBTS):
                with self.subTest(old=old, new=new):
                    written = [payload for payload in PAYLOADS if writes(new, payload)]
                    breaking = [payload for payload in written if not jsonschema_rs.is_valid(old, payload, validate_formats=True)]
                    found = misfits(old | defs, new | defs, "forward")
                    self.assertEqual(bool(found), bool(breaking), f"{[misfit.sentence for misfit in found]}, {breaking}")


def structs_of(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "integer"}}, "required": [name]}


class Sound(SimpleTestCase):
    """If it says that nobody breaks, nobody does: tried with whatever a writer can write."""

    def assert_sound(self, data: Any, old: Any, new: Any) -> None:
        for direction, writer, reader in (("forward", new, old), ("backward", old, new)):
            if misfits(old, new, direction):  # type: ignore[arg-type]
                continue
            written = payloads(writer, writer["$defs"])
            if written.is_empty:
                continue
            for payload in data.draw(st.lists(written, min_size=1, max_size=8)):
                if jsonschema_rs.is_valid(writer, payload, validate_formats=True):
                    fits = jsonschema_rs.is_valid(reader, payload, validate_formats=True)
                    self.assertTrue(fits, f"{direction}: {payload} of {writer} for {reader}")

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def test_whoever_fits_takes_everything_that_is_written(self, data: Any) -> None:
        old = data.draw(schemas)
        new = data.draw(changed(old))
        assume(isinstance(new, dict))
        self.assert_sound(data, old, {**new, "$defs": new.get("$defs", old["$defs"])})

    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def test_and_so_it_is_for_a_single_field_that_changes(self, data: Any) -> None:
        old = data.draw(st.one_of(numbers, texts, containers(st.one_of(numbers, texts))))
        new = data.draw(changed(old))
        inner: dict[str, Any] = {"Inner": structs_of("a"), "Tree": structs_of("b")}
        wrapped = [{"type": "object", "properties": {"x": part}, "required": ["x"], "$defs": inner} for part in (old, new)]
        self.assert_sound(data, *wrapped)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(schemas)
    def test_nobody_breaks_when_nothing_changes(self, schema: Any) -> None:
        self.assertEqual(breaks("full", schema, schema), [])
