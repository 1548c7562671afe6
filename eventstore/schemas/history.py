"""The history gate: today's code reads every version of every event that the log holds, and a sample of what they say."""

import random
import re
from collections.abc import Iterator
from uuid import UUID

import jsonschema_rs

from eventstore.errors import EventStoreError, NotPublished, UnknownEvent, UnreadableEvent
from eventstore.log import Kind, kinds, sample
from eventstore.messages import Envelope, Value, class_of, missing_steps, name_of, publication_of, published
from eventstore.schemas.shelves import Key, read_shelves

_path = re.compile(r"at `\$(?P<path>[^`]*)`")


class Unread(Value):
    """An event that today's code does not read, or cannot give to those outside."""

    event_id: UUID
    name: str
    version: int
    path: str  #: into its payload; empty where all of it is meant
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"Event {self.event_id} ({self.name} version {self.version}){f' at {self.path}' if self.path else ''}: {self.problem}"


class Looked(Value):
    """What was looked at of one version of one event."""

    kind: Kind
    sampled: int
    problems: tuple[Unread, ...]


def check_history(count: int = 20, dice: random.Random | None = None) -> Iterator[Looked]:
    """Look at so many events of each version in the log: the oldest, the newest, and some between."""
    shelves = read_shelves()
    for kind in kinds():
        found = sample(kind, count, dice or random.Random())
        problems = tuple(problem for envelope in found for problem in _read(envelope) or _give(envelope, shelves))
        yield Looked(kind=kind, sampled=len(found), problems=problems)


def _read(envelope: Envelope) -> list[Unread]:
    """Why today's code cannot read it; empty when it can."""
    name, version = envelope.name, envelope.schema_version
    try:
        newest = name_of(class_of(name, version))[1]
    except UnknownEvent as error:
        return [_unread(envelope, str(error), f'Bring the class back: @event("{name}") on what can still read it.')]
    if version > newest:
        problem = f"it was written as version {version}, and this code knows version {newest}"
        return [_unread(envelope, problem, "Deploy the code that wrote it, or a later one.")]
    try:
        _ = envelope.event
    except UnreadableEvent as error:
        if [step for step in missing_steps(name, newest) if step >= version]:
            fix = f'Write the upcaster: @upcasts("{name}", version={missing_steps(name, newest)[0]}).'
        elif version < newest:
            fix = f"Mend the upcasters from version {version} on, and keep this payload in tests/golden."
        else:
            fix = f'Take the change back, or raise the version: @event("{name}", version={newest + 1}), and upcast from {newest}.'
        return [_unread(envelope, str(error), fix)]
    return []


def _give(envelope: Envelope, shelves: dict[Key, dict[str, object]]) -> list[Unread]:
    """Why it cannot go outside as it is published; empty when it can, or need not."""
    try:
        publication = publication_of(envelope.name)
    except NotPublished:
        return []
    found = []
    for version in publication.versions:
        key = Key(name=publication.name if publication.name != publication.event else envelope.name, version=version)
        try:
            payload = published(envelope, version, "full" if "full" in publication.forms else None)
            if "full" in publication.forms and key in shelves:
                jsonschema_rs.validate(shelves[key], payload, validate_formats=True)
        except (EventStoreError, jsonschema_rs.ValidationError) as error:
            told = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
            path = "".join(f".{step}" for step in error.instance_path) if isinstance(error, jsonschema_rs.ValidationError) else ""
            problem = f"readers of version {version} would not get what was published: {told}"
            fix = f'Mend the down-converters from version {publication.newest} to {version}: @downcasts("{publication.event}", …).'
            found.append(_unread(envelope, problem, fix, path.removeprefix(".")))
    return found


def _unread(envelope: Envelope, problem: str, fix: str, path: str = "") -> Unread:
    named = _path.search(problem)
    return Unread(
        event_id=envelope.id,
        name=envelope.name,
        version=envelope.schema_version,
        path=path or (named["path"].removeprefix(".") if named else ""),
        problem=problem.rstrip("."),
        fix=fix,
    )
