"""A consumer for tests: it gets what any consumer would get, and its effects are rows, so what is taken back is not there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from django.db import connection

from eventstore.delivery import Consumer, Retry, forget_consumer, lay_out
from eventstore.log import read_event
from eventstore.messages import Envelope, Event, registered_events
from eventstore.models import Checkpoint, ConsumerState, ParkedKey
from eventstore.testing.differences import must_be
from eventstore.testing.invariants import assert_once_in_order

Rule = Callable[[Envelope], object]


def _tell(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


class Collector:
    """What a consumer got, in the order in which it took effect. No unique key: an event that came twice is there twice."""

    since: dict[int, int]  #: where it began, per partition

    def __init__(self, name: str, classes: Sequence[type[Event]], rule: Rule | None, **options: Any) -> None:
        self.rule = rule
        self.consumer = Consumer(name, **options)
        self._table = '"testing_' + name.replace('"', "") + '"'
        self.consumer.on(*(classes or registered_events().values()))(self._take)

    def _take(self, event: Event, envelope: Envelope) -> None:
        if self.rule is not None:
            self.rule(envelope)
        _tell(f"INSERT INTO {self._table} (id, stream, version) VALUES (%s, %s, %s)", [envelope.id, envelope.stream, envelope.version])

    @property
    def effects(self) -> list[tuple[str, int]]:
        """(stream, version) of every event that took effect."""
        return [(stream, version) for stream, version in _tell(f"SELECT stream, version FROM {self._table} ORDER BY n")]

    @property
    def envelopes(self) -> list[Envelope]:
        """What came, with facts and times."""
        came = [read_event(id) for (id,) in _tell(f"SELECT id FROM {self._table} ORDER BY n")]
        return [envelope for envelope in came if envelope is not None]

    @property
    def events(self) -> list[Event]:
        """What came."""
        return [envelope.event for envelope in self.envelopes]

    def then(self, *expected: Event) -> None:
        """Exactly these events came, in this order: of one stream, or of several where nothing else waits."""
        must_be(expected, self.events)

    def then_count(self, count: int) -> None:
        """So many events came."""
        if len(self.effects) != count:
            raise AssertionError(f"{self.consumer.name} got {len(self.effects)} events, expected were {count}: {self.effects}")

    def then_once_in_order(self) -> None:
        """Whatever is in the log came once, per stream in its order; only what waits parked is missing."""
        assert_once_in_order(self.consumer, self.effects, after=self.since)


@contextmanager
def collect(
    *classes: type[Event],
    name: str = "testing.collector",
    rule: Rule | None = None,
    start: Literal["beginning", "now"] = "now",
    retry: Retry | None = None,
) -> Iterator[Collector]:
    """A consumer of these events (of all, when none is named) for the length of a `with`; `rule` may raise for an envelope.

    It begins with what is recorded from now on; `start="beginning"` gives it what is in the log already.
    """
    collector = Collector(name, classes, rule, start=start, retry=retry)
    try:
        # n is no key: a number that a rollback takes back leaves a gap, and order is all that counts.
        _tell(f"CREATE TABLE {collector._table} (n bigserial, id uuid, stream text, version int)")
        lay_out()
        collector.since = dict(Checkpoint.objects.filter(consumer=name).values_list("partition", "position"))
        yield collector
    finally:
        forget_consumer(name)
        for rows in (Checkpoint, ParkedKey):
            rows._default_manager.filter(consumer=name).delete()
        ConsumerState.objects.filter(name=name).delete()
        _tell(f"DROP TABLE IF EXISTS {collector._table}")
