"""Everything that can go wrong, in sentences: the docstring is the message, its braces are facts."""

import difflib
from collections.abc import Iterable
from typing import Any


class EventStoreError(Exception):
    """The event store could not do this."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__((self.__doc__ or "").strip().format(**facts))


class Refused(EventStoreError):
    """{detail}"""

    code = "refused"
    status = 409

    def __init__(self, detail: str, *, code: str = "", status: int = 0, **facts: Any) -> None:
        super().__init__(detail=detail, **facts)
        self.facts = facts
        self.code = code or self.code
        self.status = status or self.status


class StreamMoved(EventStoreError):
    """Stream {stream} is no longer at version {expected}; read it again and retry."""


class NotInUnitOfWork(EventStoreError):
    """Events of {stream} were appended outside a unit of work; wrap the caller in @unit_of_work."""


class NestedTransaction(EventStoreError):
    """A unit of work began inside another transaction; it must be outermost, so that its events are the last statements before COMMIT."""


class UnknownEvent(EventStoreError):
    """No event class is registered for {name} version {version}; decorate one with @event or add an upcaster."""


class UnregisteredEvent(EventStoreError):
    """{cls} has no permanent name; decorate it with @event("app.what_happened")."""


class UnregisteredCommand(EventStoreError):
    """{cls} has not got {lacks}; decorate the class with @command("app.what_to_do") and its function with @handles(…)."""


class UnreadableEvent(EventStoreError):
    """Event {id} ({name} version {version}) does not read as {cls}: {reason}."""


class NotPublished(EventStoreError):
    """{name} does not go out as {asked}. Published: {published}."""


class NameTaken(EventStoreError):
    """The name {name} belongs to {owner} already; names are permanent and used once."""


class EventIdReused(EventStoreError):
    """Event id {id} was recorded with other content: {recorded} then, {offered} now."""


class UnknownName(EventStoreError):
    """There is no {kind} named {name}.{meant} Known: {known}."""

    def __init__(self, *, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        super().__init__(kind=kind, name=name, known=", ".join(names) or "none", meant=meant)


class BadSetting(EventStoreError):
    """settings.EVENTSTORE: {problem}."""


class LogHole(EventStoreError):
    """Partition {partition} has no event at position {position} though its head is {head}; stop and restore the log from a backup."""


class TransportDown(EventStoreError):
    """The stream transport did not answer: {reason}. Events stay in the log and go out when it is back."""
