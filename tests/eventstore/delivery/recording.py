"""A consumer whose effects are rows, without a unique key so that a duplicate shows; it fails on demand."""

from collections.abc import Callable
from typing import Any

from django.db import connection

from eventstore.delivery import Consumer, Retry, forget_consumer, lay_out
from eventstore.log import append, read_stream, unit_of_work
from eventstore.messages import Envelope
from tests.eventstore.examples import Raised


def execute(sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


class Recording:
    """`seen` are (stream, version) pairs in the order of their effects; `rule` may raise for an envelope."""

    def __init__(self, test: Any, name: str = "test.recording", **options: Any) -> None:
        execute("CREATE TABLE IF NOT EXISTS test_effect (n serial, stream text, version int)")
        test.addCleanup(execute, "DROP TABLE IF EXISTS test_effect")
        self.rule: Callable[[Envelope], None] = lambda envelope: None
        self.consumer = Consumer(name, **({"retry": Retry(attempts=3)} | options))
        test.addCleanup(forget_consumer, name)
        self.consumer.on(Raised)(self.take)
        lay_out()

    @property
    def seen(self) -> list[tuple[str, int]]:
        return execute("SELECT stream, version FROM test_effect ORDER BY n")

    def take(self, event: Raised, envelope: Envelope) -> None:
        self.rule(envelope)
        execute("INSERT INTO test_effect (stream, version) VALUES (%s, %s)", [envelope.stream, envelope.version])


def record(stream: str, count: int = 1, by: int = 1) -> None:
    """Raise a counter so many times, one unit of work each."""
    version = len(read_stream(stream))
    for expected in range(version, version + count):
        with unit_of_work():
            append(stream, [Raised(by=by)], expected=expected)
