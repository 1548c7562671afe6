"""May one schema follow another? Whether readers of the one take everything that is written by the other. Pure.

A writer writes what its schema names and nothing else, though readers tolerate more. In doubt the answer is no: two patterns
fit only when they are the same one.
"""

from collections.abc import Iterator
from math import inf
from typing import Any, Literal

import jsonschema_rs

from eventstore.messages import Compatibility, Value
from eventstore.schemas.derivation import comparable
from eventstore.schemas.ranges import counts_fit, multiples_fit, range_fits, whole_numbers
from eventstore.schemas.wording import ANNOTATING, Place, Schema, branches, describe, fields, resolve

Direction = Literal["forward", "backward"]

#: What is judged below. A schema with any other keyword fits only itself.
KNOWN = ANNOTATING | set(
    [
        "$ref",
        "type",
        "enum",
        "anyOf",
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "contentEncoding",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "properties",
        "required",
        "additionalProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
    ]
)


FEW = 8  #: values that a sentence lists


class Misfit(Value):
    """One place where a reader would break, as a sentence, and its JSON Pointer into the reader's schema (through refs)."""

    pointer: str
    sentence: str


def breaks(rule: Compatibility, old: dict[str, Any], new: dict[str, Any], old_version: int = 1, new_version: int = 2) -> list[Misfit]:
    """Whom a new version would break by an event's rule, and why; empty when nobody."""
    directions: dict[Compatibility, tuple[Direction, ...]] = {
        "forward": ("forward",),
        "backward": ("backward",),
        "full": ("forward", "backward"),
        "none": (),
    }
    return [misfit for direction in directions[rule] for misfit in misfits(old, new, direction, old_version, new_version)]


def misfits(old: dict[str, Any], new: dict[str, Any], direction: Direction, old_version: int = 1, new_version: int = 2) -> list[Misfit]:
    """Forward: what is written as the new version and read as the old one. Backward: what was written as the old one, read as the new."""
    writer, reader = (new, old) if direction == "forward" else (old, new)
    found = _Judge(writer, reader, _Words(direction, old_version, new_version)).judge(writer, reader, Place())
    return list({(misfit.pointer, misfit.sentence): misfit for misfit in found}.values())


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[Misfit]:
    """What changed between two schemas, whoever minds."""
    before = {place.pointer: (place, describe(part, old.get("$defs", {})), must) for place, part, must in fields(old, _defs(old), Place())}
    after = {place.pointer: (place, describe(part, new.get("$defs", {})), must) for place, part, must in fields(new, _defs(new), Place())}
    found = []
    for pointer in dict.fromkeys([*before, *after]):
        place, *_ = before.get(pointer) or after[pointer]
        if pointer not in after:
            found.append(Misfit(pointer=pointer, sentence=f"{place} was removed"))
        elif pointer not in before:
            found.append(Misfit(pointer=pointer, sentence=f"{place} was added: {after[pointer][1]}{_may(after[pointer][2])}"))
        else:
            if before[pointer][1] != after[pointer][1]:
                found.append(Misfit(pointer=pointer, sentence=f"{place} was {before[pointer][1]} and is {after[pointer][1]}"))
            if before[pointer][2] != after[pointer][2]:
                found.append(
                    Misfit(pointer=pointer, sentence=f"{place} {'must be there now' if after[pointer][2] else 'may be left out now'}")
                )
    if not found and comparable(old) != comparable(new):
        found.append(Misfit(pointer="#", sentence="what a field is when it is left out, or a detail that words do not tell, has changed"))
    return found


def _may(must: bool) -> str:
    return "" if must else ", may be left out"


def _defs(schema: dict[str, Any]) -> dict[str, Schema]:
    defs: dict[str, Schema] = schema.get("$defs", {})
    return defs


class _Words:
    """The sentences of one direction."""

    def __init__(self, direction: Direction, old: int, new: int) -> None:
        self.forward, self.old, self.new = direction == "forward", old, new

    def missing(self, place: Place) -> str:
        if self.forward:
            return f"{place} was removed: whoever reads version {self.old} still asks for it"
        return f"{place} was added and must be there: what was written as version {self.old} has not got it"

    def optional(self, place: Place) -> str:
        if self.forward:
            return f"{place} may be left out now: whoever reads version {self.old} still asks for it"
        return f"{place} must be there now: what was written as version {self.old} may lack it"

    def unknown(self, place: Place) -> str:
        if self.forward:
            return f"{place} was added: whoever reads version {self.old} refuses what it does not know"
        return f"{place} was removed: version {self.new} refuses what it does not know, and version {self.old} wrote it"

    def value(self, place: Place, written: str, read: str) -> str:
        if self.forward:
            return f"{place} may be {written} now: whoever reads version {self.old} takes only {read}"
        return f"{place} could be {written} in version {self.old}: version {self.new} takes only {read}"


class _Judge:
    """Walks a writer's schema and a reader's schema together."""

    def __init__(self, writer: dict[str, Any], reader: dict[str, Any], words: _Words) -> None:
        self.writes, self.reads, self.words = _defs(writer), _defs(reader), words
        self.under_way: set[tuple[int, int]] = set()

    def judge(self, writer: Schema, reader: Schema, place: Place) -> Iterator[Misfit]:
        """Where the reader would refuse what the writer may write here."""
        pair = (id(writer), id(reader))
        if pair in self.under_way:
            return  # a shape that holds itself fits if everything else about it does
        self.under_way.add(pair)
        try:
            yield from list(self._judge(writer, reader, place))
        finally:
            self.under_way.discard(pair)

    def _judge(self, writer: Schema, reader: Schema, place: Place) -> Iterator[Misfit]:
        shapes = branches(writer, self.writes)
        if len(shapes) > 1:
            for shape in shapes:
                yield from self.judge(shape, reader, place)
            return
        written = resolve(shapes[0], self.writes)
        if written is False or _takes_all(resolve(reader, self.reads)):
            return
        if (values := _values(written)) is not None:
            refused = [value for value in values if not self._takes(reader, value)]
            if refused:
                yield self._value(place, {"enum": refused} if len(refused) <= FEW else written, reader)
            return
        options = branches(reader, self.reads)
        if len(options) == 1:
            yield from self._against(written, resolve(options[0], self.reads), reader, place)
            return
        tried = [(list(self._against(written, resolve(option, self.reads), option, place)), option) for option in options]
        if all(problems for problems, _ in tried):
            # The shape of the same kind that lacks least is the one that was meant.
            alike = [problems for problems, option in tried if self._alike(written, resolve(option, self.reads))]
            yield from min(alike, key=len) if alike else [self._value(place, written, reader)]

    def _alike(self, written: Any, option: Any) -> bool:
        return isinstance(written, dict) and isinstance(option, dict) and "object" == written.get("type") == option.get("type")

    def _against(self, written: Any, read: Any, reader: Schema, place: Place) -> Iterator[Misfit]:
        """One shape that is written against one shape that is read."""
        if _takes_all(read):
            return
        if not isinstance(written, dict) or not isinstance(read, dict) or "enum" in read:
            yield self._value(place, written, reader)
            return
        if set(read) - KNOWN:
            if comparable({**written, "$defs": self.writes}) != comparable({**read, "$defs": self.reads}):
                yield self._value(place, written, reader)
            return
        kind, wanted = written.get("type"), read.get("type")
        if wanted is not None and kind != wanted and (kind, wanted) != ("integer", "number"):
            yield self._value(place, written, reader)
            return
        if not all(fit(written, read) for fit in (_text_fits, range_fits, multiples_fit, _lists_fit)):
            yield self._value(place, written, reader)
        if kind in ("array", None):
            yield from self._entries(written, read, place)
        if kind in ("object", None):
            yield from self._fields(written, read, reader, place)

    def _entries(self, written: dict[str, Any], read: dict[str, Any], place: Place) -> Iterator[Misfit]:
        first, rest, most = _entries_of(written, writes=True)
        wanted, others, _ = _entries_of(read, writes=False)
        named = max(len(first), len(wanted))
        for index in range(named):
            if index < most:
                ours = first[index] if index < len(first) else rest
                theirs = wanted[index] if index < len(wanted) else others
                if theirs is not False:  # too many entries are told by their count
                    yield from self.judge(ours, theirs, place.entry(index))
        if most > named and others is not False:
            yield from self.judge(rest, others, place.entries())

    def _fields(self, written: dict[str, Any], read: dict[str, Any], reader: Schema, place: Place) -> Iterator[Misfit]:
        ours, theirs = written.get("properties", {}), read.get("properties", {})
        # A dict may hold any field; a class holds those it names.
        beside = written.get("additionalProperties", "properties" not in written)
        others = read.get("additionalProperties", True)
        for name, field in theirs.items():
            here = place.field(name)
            if name in ours:
                if name in read.get("required", ()) and name not in written.get("required", ()):
                    yield Misfit(pointer=here.pointer, sentence=self.words.optional(here))
                yield from self.judge(ours[name], field, here)
            elif name in read.get("required", ()):
                yield Misfit(pointer=here.pointer, sentence=self.words.missing(here))
            elif beside is not False:
                yield from self.judge(beside, field, here)
        for name in set(read.get("required", ())) - set(theirs) - set(written.get("required", ())):
            here = place.field(name)
            yield Misfit(pointer=here.pointer, sentence=self.words.optional(here) if name in ours else self.words.missing(here))
        for name, field in ours.items():
            if name not in theirs:
                if others is False:
                    yield Misfit(pointer=place.field(name).pointer, sentence=self.words.unknown(place.field(name)))
                else:
                    yield from self.judge(field, others, place.field(name))
        if beside is not False:
            yield from [self._value(place, written, reader)] if others is False else self.judge(beside, others, place.values())
        yield from self._names(written, read, beside, place)
        if not counts_fit(_count_of(written, beside), (read.get("minProperties", 0), read.get("maxProperties", inf))):
            yield self._value(place, written, reader)

    def _names(self, written: dict[str, Any], read: dict[str, Any], beside: Schema, place: Place) -> Iterator[Misfit]:
        """What fields may be called, where anything goes."""
        if "propertyNames" in read:
            wanted = {"type": "string", **resolve(read["propertyNames"], self.reads)}
            yield from self.judge({"enum": list(written.get("properties", {}))}, wanted, place.names())
            if beside is not False:
                ours = {"type": "string", **resolve(written.get("propertyNames", {}), self.writes)}
                yield from self.judge(ours, wanted, place.names())

    def _takes(self, reader: Schema, value: Any) -> bool:
        """Whether a reader takes one value."""
        closed = {**reader, "$defs": self.reads} if isinstance(reader, dict) else reader
        return bool(jsonschema_rs.validator_for(closed, validate_formats=True).is_valid(value))

    def _value(self, place: Place, written: Schema, read: Schema) -> Misfit:
        told = self.words.value(place, describe(written, self.writes), describe(read, self.reads))
        return Misfit(pointer=place.pointer, sentence=told)


def _takes_all(schema: Schema) -> bool:
    return schema is True or (isinstance(schema, dict) and not set(schema) - ANNOTATING)


def _values(schema: Schema) -> list[Any] | None:
    """Every value that a schema allows, where they can be counted."""
    if not isinstance(schema, dict):
        return None
    if "enum" in schema:
        return list(schema["enum"])
    if schema.get("type") == "integer" and (few := whole_numbers(schema)) is not None:
        return list(few)
    counted: dict[str, list[Any]] = {"boolean": [True, False], "null": [None]}
    return counted.get(str(schema.get("type")))


#: How long a text of a format is.
_lengths: dict[str, tuple[float, float]] = {"uuid": (36, 36), "date": (10, 10), "date-time": (20, inf)}


def _text_fits(written: dict[str, Any], read: dict[str, Any]) -> bool:
    same = all(read.get(key) in (None, written.get(key)) for key in ("format", "pattern", "contentEncoding"))
    least, most = _lengths.get(written.get("format", ""), (0, inf))
    lengths = (max(least, written.get("minLength", 0)), min(most, written.get("maxLength", inf)))
    return same and counts_fit(lengths, (read.get("minLength", 0), read.get("maxLength", inf)))


def _lists_fit(written: dict[str, Any], read: dict[str, Any]) -> bool:
    *_, most = _entries_of(written, writes=True)
    *_, limit = _entries_of(read, writes=False)
    unique = not read.get("uniqueItems") or written.get("uniqueItems") or most <= 1
    constrained = {"minItems", "maxItems", "items", "prefixItems", "uniqueItems"} & set(read)
    return not constrained or bool(unique and counts_fit((written.get("minItems", 0), most), (read.get("minItems", 0), limit)))


def _entries_of(schema: dict[str, Any], *, writes: bool) -> tuple[list[Schema], Schema, float]:
    """The entries at fixed places, those behind them, and how many there are at most."""
    first = schema.get("prefixItems", [])
    rest = schema.get("items", not (writes and first))  # who names places writes no others
    most = schema.get("maxItems", inf)
    return first, rest, min(most, len(first)) if rest is False else most


def _count_of(written: dict[str, Any], beside: Schema) -> tuple[float, float]:
    least = max(len(written.get("required", ())), written.get("minProperties", 0))
    most = written.get("maxProperties", inf)
    return least, most if beside is not False else min(most, len(written.get("properties", {})))
