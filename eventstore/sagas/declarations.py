"""A saga: a process across transactions, told as pure reactions from a memory and an event to a step."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from eventstore.delivery import Consumer, Retry, all_consumers
from eventstore.errors import EventStoreError, NameTaken
from eventstore.messages import Command, Envelope, Event, command_name, name_of
from eventstore.sagas.engine import take
from eventstore.sagas.events import CommandRefused, CompensationRequested, DeadlinePassed
from eventstore.sagas.steps import Step

Reaction = Callable[[Any, Any, Envelope], Step | None]
R = TypeVar("R", bound=Callable[..., Any])
Key = Callable[[Any, Envelope], str | None]

#: What a saga is told about itself: found by its name and key, not by the app's events.
OWN = (DeadlinePassed, CommandRefused, CompensationRequested)


class SagaMisdeclared(EventStoreError):
    """Saga {saga}: {problem}."""


class Saga(Consumer):
    """A process about one key: `Saga("orders.fulfilment", state=Fulfilment, key=lambda event, envelope: str(event.order_id))`.

    `state` is the class of its memory, whose defaults are how it begins. `key` says which one an event belongs to; None: to none.
    A reaction takes (state, event, envelope) and returns a Step, or None when nothing follows. It never queries and knows no clock:
    memory, commands and deadlines commit together with the event. An event that begins nothing and finds no saga is nobody's.
    `start="now"` leaves out what was recorded before it was first deployed: a new saga begins no processes about old orders.
    Every event it reacts to has a word for when it comes late, after the end: a reaction by `late`, or `ignores_late`.
    """

    kind = "saga"
    #: A step only writes rows: it calls nobody, so nobody waits for it.
    shares_hint = True

    def __init__(
        self,
        name: str,
        *,
        state: type[msgspec.Struct],
        key: Key,
        retry: Retry | None = None,
        start: Literal["beginning", "now"] = "beginning",
    ) -> None:
        if "/" in name:
            raise SagaMisdeclared(saga=name, problem="its name has a slash, which parts name and key in the id of each of them")
        super().__init__(name, retry=retry, replay="deny", start=start)
        self.state = state
        self._key = key
        self._keys: dict[str, Key] = {}
        self.starts: set[str] = set()
        self.lates: dict[str, Reaction | None] = {}
        self.deadlines: dict[str, Reaction] = {}
        self.refusals: dict[str, Reaction] = {}
        self.compensation: Reaction | None = None
        for own in OWN:
            self.handlers[name_of(own)[0]] = self._react_to_own

    def starts_on(self, *events: type[Event], key: Key | None = None) -> Callable[[R], R]:
        """Declare how it begins. The same event again, or ten at once, begin it once."""
        self.starts.update(name_of(cls)[0] for cls in events)
        return self.on(*events, key=key)

    def on(self, *events: type[Event], key: Key | None = None) -> Callable[[R], R]:
        """Declare the next step on these events; `key` where they name theirs in another way."""
        register = super().on(*events)
        if key is not None:
            self._keys |= {name_of(cls)[0]: key for cls in events}
        return register

    def on_deadline(self, name: str) -> Callable[[R], R]:
        """Declare what follows when this deadline passes; the event is a DeadlinePassed."""
        return self._declare(self.deadlines, name)

    def on_refused(self, *commands: type[Command]) -> Callable[[R], R]:
        """Declare what follows when somebody says no to these commands; the event is a CommandRefused."""

        def register(reaction: R) -> R:
            for cls in commands:
                self._declare(self.refusals, command_name(cls))(reaction)
            return reaction

        return register

    def on_compensate(self, reaction: R) -> R:
        """Declare how it undoes what it did, and only that, when a person asks; the event is a CompensationRequested."""
        self.compensation = reaction
        return reaction

    def late(self, *events: type[Event]) -> Callable[[R], R]:
        """Declare what follows when these events come after the end: commands that set it right."""

        def register(reaction: R) -> R:
            for cls in events:
                self._declare(self.lates, name_of(cls)[0])(reaction)
            return reaction

        return register

    def ignores_late(self, *events: type[Event]) -> None:
        """Declare that nothing follows when these events come after the end."""
        self.lates |= {name_of(cls)[0]: None for cls in events}

    def undecided(self) -> list[str]:
        """The events that it reacts to and has no word for when they come late."""
        own = {name_of(cls)[0] for cls in OWN}
        return sorted(set(self.handlers) - own - set(self.lates))

    def key_for(self, envelope: Envelope) -> str | None:
        """Which saga an event belongs to; None when it is nobody's, or another saga's."""
        event: Any = envelope.event
        if isinstance(event, OWN):
            return event.key if event.saga == self.name else None
        return self._keys.get(envelope.name, self._key)(event, envelope)

    def react(self, state: Any, event: Event, envelope: Envelope, *, late: bool = False) -> Step | None:
        """The step that follows. Raises SagaMisdeclared when it sets a deadline that nobody reacts to."""
        name = name_of(type(event))[0]
        reaction = self.lates.get(name) if late and not isinstance(event, CommandRefused) else self.handlers[name]
        step = None if reaction is None else reaction(state, event, envelope)
        for deadline in step.deadlines if step else ():
            if deadline not in self.deadlines:
                raise SagaMisdeclared(saga=self.name, problem=f"nobody reacts to its deadline {deadline}; declare on_deadline")
        return step

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Take a batch: memories loaded and locked once, in one order for everybody, written once."""
        take(self, envelopes)

    def _react_to_own(self, state: Any, event: Any, envelope: Envelope) -> Step | None:
        if isinstance(event, DeadlinePassed):
            reaction = self.deadlines.get(event.name)
        elif isinstance(event, CommandRefused):
            reaction = self.refusals.get(event.command)
        else:
            reaction = self.compensation
        return None if reaction is None else reaction(state, event, envelope)

    def _declare(self, table: dict[str, Any], name: str) -> Callable[[R], R]:
        def register(reaction: R) -> R:
            if name in table:
                raise NameTaken(name=name, owner=f"a reaction of {self.name}")
            table[name] = reaction
            return reaction

        return register


def all_sagas() -> list[Saga]:
    """Every saga of the running code, by name."""
    return [consumer for consumer in all_consumers() if isinstance(consumer, Saga)]
