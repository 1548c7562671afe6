"""Contracts between those who write events and those who read them: proven from schemas, before anybody deploys."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from eventstore.clock import now
from eventstore.context import acting
from eventstore.delivery import Consumer, EffectDenied
from eventstore.errors import UnknownName
from eventstore.log import partition_of, savepoint, unit_of_work
from eventstore.messages import Envelope, Event, Form, encode, name_of, registered_events
from eventstore.schemas import offers, read_shelves, schema_of
from eventstore.testing.payloads import payloads_of

Schemas = Mapping[tuple[str, int], dict[str, Any]]


class ContractBroken(AssertionError):
    """A reader cannot read what a writer may write."""


class _TakeBack(Exception):
    """Ends what must leave nothing behind."""


def schemas_of(consumer: Consumer) -> dict[tuple[str, int], dict[str, Any]]:
    """The schema of every version of every event that a consumer takes: as published before, and as the code has it now."""
    known = {(name, name_of(cls)[1]): schema_of(cls) for name, cls in registered_events().items()}
    for key, offer in offers(read_shelves()).items():
        if key.form == "full" and key.name == offer.event:
            known[key.name, key.version] = offer.schema
    return {(name, version): schema for (name, version), schema in sorted(known.items()) if name in consumer.handlers}


def assert_reads(
    consumer: Consumer,
    *,
    fields: Mapping[type[Event], Sequence[str]] | None = None,
    schemas: Schemas | None = None,
    golden: Path | None = None,
    examples: int = 12,
    may_raise: tuple[type[Exception], ...] = (),
) -> int:
    """Give a consumer payloads of every published version of its events; return how many it read. Raises ContractBroken.

    Each passes through codec, upcasters and handler; effects are refused, and everything is taken back. `fields` says what
    the consumer relies on: the newest schema must promise each. `schemas` stand in for the published ones: those that
    another team is about to publish, for instance. `golden` is a folder with a recorded payload of each version
    (app.what_happened.v1.json), which are given, too; with `examples=0` they alone are.
    """
    given = dict(schemas_of(consumer) if schemas is None else schemas)
    broken, read = [], 0
    for (name, version), schema in given.items():
        if name not in consumer.handlers:
            raise UnknownName(kind=f"event of {consumer.name}", name=name, known=consumer.handlers)
        wanted = next((names for cls, names in (fields or {}).items() if name_of(cls) == (name, version)), ())
        broken += [f"{name} version {version} does not promise {field}" for field in wanted if not _promised(schema, field)]
        for payload in [*_recorded(golden, name, version), *(payloads_of(schema, examples) if examples else ())]:
            told = _try(consumer, _envelope(name, version, payload), may_raise)
            if told:
                broken.append(f"{name} version {version}: {told}\n      payload {encode(payload).decode()}")
                break
            read += 1
    if broken:
        raise ContractBroken(f"{consumer.name} cannot read what may be written.\n   " + "\n   ".join(broken))
    return read


def _recorded(golden: Path | None, name: str, version: int) -> list[dict[str, Any]]:
    path = golden / f"{name}.v{version}.json" if golden else None
    return [msgspec.json.decode(path.read_bytes())] if path and path.exists() else []


def assert_offered(name: str, *fields: str, version: int | None = None, form: Form = "full") -> None:
    """What a reader outside relies on is promised: fields such as `total` or `lines.sku` of a published schema. Raises ContractBroken.

    Without a version it is the newest that is published.
    """
    published = {key: offer.schema for key, offer in offers(read_shelves()).items() if offer.status == "published"}
    mine = {key.version: schema for key, schema in published.items() if (key.name, key.form) == (name, form)}
    if not mine or (version or max(mine)) not in mine:
        known = ", ".join(str(key) for key in published)
        raise ContractBroken(f"{name}{f' version {version}' if version else ''} is not published as {form}. Published: {known}.")
    schema = mine[version or max(mine)]
    missing = [field for field in fields if not _promised(schema, field)]
    if missing:
        has = ", ".join(schema.get("properties", {}))
        raise ContractBroken(
            f"{name} version {version or max(mine)} ({form}) does not promise {', '.join(missing)}, which a reader relies on; it has {has}."
        )


def _promised(schema: dict[str, Any], path: str) -> bool:
    """Whether every payload has this field, or a default for it."""
    here: Any = schema
    for step in path.split("."):
        here = _shape(here, schema.get("$defs", {}))
        part = here.get("properties", {}).get(step)
        if part is None or (step not in here.get("required", ()) and "default" not in part):
            return False
        here = part
    return True


def _shape(part: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part or part.get("type") == "array":
        part = defs[part["$ref"].removeprefix("#/$defs/")] if "$ref" in part else part.get("items") or {}
    return part


def _envelope(name: str, version: int, payload: dict[str, Any]) -> Envelope:
    stream = "contract-1"
    facts = {"actor": "contract", "correlation": str(UUID(int=0))}
    data = msgspec.Raw(encode(payload))
    return Envelope(partition_of(stream), 1, UUID(int=1), stream, 1, name, version, data, facts, now(), now())


def _try(consumer: Consumer, envelope: Envelope, may_raise: tuple[type[Exception], ...]) -> str:
    """What goes wrong when a consumer takes an event; empty when nothing does. Nothing of it stays."""
    told = ""
    passing: tuple[type[Exception], ...] = (EffectDenied, *may_raise)
    try:
        with unit_of_work():
            try:
                with savepoint(), acting(replay="contract", effects="deny"):
                    consumer.handle([envelope])
            except passing:
                pass  # it read the event, and went on to do something that is none of a reader's contract
            except Exception as error:  # whatever it is, it is the answer
                told = f"{type(error).__name__}: {error}"
            raise _TakeBack
    except _TakeBack:
        return told
