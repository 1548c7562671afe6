"""A projection: a consumer that owns a read table. Its handlers are functions from a row to a row."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar

from django.db import models

from eventstore.delivery import Consumer, Retry
from eventstore.messages import Envelope, Event
from eventstore.projections.rows import Rows

H = TypeVar("H", bound=Callable[..., Any])
Key = Callable[[Any, Envelope], Hashable]
Keys = Callable[[Any, Envelope], Iterable[Hashable]]


class Projection(Consumer):
    """A read table that follows from events and from nothing else: no clock, no other tables, no outside effects.

    `key` says which row an event belongs to: its primary key. A handler takes (row, event, envelope) and returns the
    row to keep, or None to remove it; a row that did not exist comes blank, with its key set. Handlers never query,
    so the engine loads the rows of a batch in one statement and writes them in one.
    `lanes="one"` when rows mix streams: the steps of all partitions then follow each other.
    """

    kind = "projection"
    shares_hint = True
    durable = False

    def __init__(
        self,
        name: str,
        *,
        rows: type[models.Model],
        key: Key,
        retry: Retry | None = None,
        lanes: Literal["partition", "one"] = "partition",
    ) -> None:
        super().__init__(name, retry=retry, replay="allow", lanes=lanes)
        self.rows = rows
        self._key: Keys = lambda event, envelope: (key(event, envelope),)
        self._keys: dict[str, Keys] = {}

    @property
    def tables(self) -> list[str]:
        """The tables this projection owns."""
        return [self.rows._meta.db_table]

    def on(self, *events: type[Event], keys: Keys | None = None) -> Callable[[H], H]:
        """Declare what a row becomes on these events; `keys` when one event touches several rows."""
        register = super().on(*events)

        def register_with_keys(handler: H) -> H:
            register(handler)
            for name, registered in self.handlers.items():
                if registered is handler and keys is not None:
                    self._keys[name] = keys
            return handler

        return register_with_keys

    def keys_of(self, envelope: Envelope) -> tuple[Hashable, ...]:
        """The rows that an event touches."""
        return tuple(self._keys.get(envelope.name, self._key)(envelope.event, envelope))

    def trace(self, key: str, envelopes: Iterable[Envelope]) -> Iterator[tuple[Envelope, models.Model | None]]:
        """Fold one row by itself, in memory: the row after each event that touches it."""
        row: models.Model | None = None
        for envelope in envelopes:
            for touched in self.keys_of(envelope) if envelope.name in self.handlers else ():
                if str(touched) == key:
                    row = self.handlers[envelope.name](row or self.rows(pk=touched), envelope.event, envelope)
            yield envelope, row

    def past_row(self, key: str, envelopes: Iterable[Envelope]) -> models.Model | None:
        """The row as the table would have it if nothing but these events had happened."""
        row = None
        for _, folded in self.trace(key, envelopes):
            row = folded
        return row

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Fold a batch: one query in, one statement out."""
        work = []
        for envelope in envelopes:
            event = envelope.event
            work.append((envelope, event, tuple(self._keys.get(envelope.name, self._key)(event, envelope))))
        rows = Rows(self.rows, (key for *_, keys in work for key in keys))
        for envelope, event, keys in work:
            handler = self.handlers[envelope.name]
            for key in keys:
                rows.keep(key, handler(rows[key], event, envelope))
        rows.write()
