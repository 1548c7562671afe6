"""Consumers: a permanent name, then functions with .on(Event)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

from eventstore.context import current_facts, following
from eventstore.delivery.retries import Retry
from eventstore.errors import NameTaken, UnknownName
from eventstore.messages import Envelope, Event, name_of
from eventstore.spans import handling

Handler = Callable[[Any, Envelope], None]
H = TypeVar("H", bound=Callable[..., Any])

_consumers: dict[str, "Consumer"] = {}
#: Finds a consumer that no module declares: a run, by the name of its lane.
_finders: dict[str, Callable[[str], "Consumer"]] = {}


class Consumer:
    """Somebody who is told of events, once each and in the order of their stream.

    `name` is permanent: its checkpoint is kept under it. `ordered_by="event"` gives up the order of the stream: only
    the failed event itself waits. `replay` says whether a second delivery may run its outside effects.
    `start="now"` leaves out what was recorded before the consumer was first deployed.
    """

    kind = "consumer"
    #: Consumers that share a hint are woken by one Celery message; the others have one each.
    shares_hint = False
    #: The Celery queue of its hints.
    queue = "celery"
    #: Where its events come from: (partition, after, until, limit) -> events. None is the stream, and behind it the log.
    select: Callable[[int, int, int, int], list[Envelope]] | None = None
    #: Events it takes in one step, where that is fewer than the setting says.
    batch: int | None = None
    #: Whether nobody begins a step where another process began one less than a second ago. Several drive a run, and what one
    #: of them is at would be folded twice for nothing; a live lane is worth more than the work saved.
    exclusive = False
    #: Whether each step waits for the disk. A projection need not: what a crash takes back is folded again.
    durable = True

    def __init__(
        self,
        name: str,
        *,
        ordered_by: Literal["stream", "event"] = "stream",
        retry: Retry | None = None,
        replay: Literal["allow", "deny"] = "deny",
        start: Literal["beginning", "now"] = "beginning",
        lanes: Literal["partition", "one"] = "partition",
    ) -> None:
        if name in _consumers:
            raise NameTaken(name=name, owner=f"a {_consumers[name].kind}")
        self.name = self.identity = name
        self.ordered_by = ordered_by
        self.retry = retry or Retry()
        self.replay = replay
        self.start = start
        self.lanes = lanes
        self.handlers: dict[str, Callable[..., Any]] = {}
        _consumers[name] = self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def on(self, *events: type[Event]) -> Callable[[H], H]:
        """Declare what happens on these events. Raises NameTaken when one has a handler here already."""

        def register(handler: H) -> H:
            for cls in events:
                name = name_of(cls)[0]
                if name in self.handlers:
                    raise NameTaken(name=name, owner=f"{self.name}.{self.handlers[name].__name__}")
                self.handlers[name] = handler
            return handler

        return register

    def key_of(self, envelope: Envelope) -> str:
        """What waits together when this event fails."""
        return envelope.stream if self.ordered_by == "stream" else str(envelope.id)

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Take a batch inside the transaction that moves the checkpoint. Whatever a handler raises takes all of it back."""
        for envelope in envelopes:
            again = "replay" in current_facts()
            with following(envelope.id, envelope.facts, actor=f"consumer:{self.name}"), handling(self.name, envelope, again=again):
                self.handlers[envelope.name](envelope.event, envelope)


def all_consumers() -> list[Consumer]:
    """Every consumer of the running code, by name."""
    return [_consumers[name] for name in sorted(_consumers)]


def consumer_named(name: str) -> Consumer:
    """Raises UnknownName."""
    kind, colon, _ = name.partition(":")
    if colon and kind in _finders:
        return _finders[kind](name)
    try:
        return _consumers[name]
    except KeyError:
        raise UnknownName(kind="consumer", name=name, known=_consumers) from None


def declared_consumer(name: str) -> Consumer:
    """A consumer that a module declares, never the lane of a run. Raises UnknownName."""
    if name not in _consumers:
        raise UnknownName(kind="consumer", name=name, known=_consumers)
    return _consumers[name]


def find_by(kind: str, finder: Callable[[str], Consumer]) -> None:
    """Let consumers named `kind:…` be found by this function."""
    _finders[kind] = finder


def interested_in(names: Iterable[str]) -> list[Consumer]:
    """The consumers that handle at least one of these events."""
    recorded = set(names)
    return [consumer for consumer in all_consumers() if not recorded.isdisjoint(consumer.handlers)]


def forget_consumer(name: str) -> None:
    """Take a declaration back. For tests that declare their own."""
    _consumers.pop(name, None)
