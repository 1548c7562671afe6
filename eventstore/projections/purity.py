"""Does a projection cheat? Its rows must follow from events alone: no clock, no dice, no other tables, nothing written elsewhere."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

from django.db import connection

from eventstore.errors import EventStoreError
from eventstore.messages import Envelope
from eventstore.projections.declarations import Projection

#: Names whose use in a handler is a clock, dice, another table or a call to the outside.
SUSPICIOUS = {
    "a clock": {"now", "today", "utcnow", "time_ns", "monotonic", "localtime"},
    "dice": {"random", "randint", "choice", "shuffle", "uuid1", "uuid4", "uuid7", "new_id", "token_hex", "urandom"},
    "other tables": {"objects", "_base_manager", "cursor", "bulk_create", "select_related", "refresh_from_db", "get_or_create"},
    "writing elsewhere": {"save", "delete", "append", "effect", "send_mail", "urlopen", "send_task"},
}


class ProjectionCheats(EventStoreError):
    """{handler} of {projection} does not depend on its events alone: {how}. Put what it needs into the event."""


def suspicions(handler: Callable[..., Any]) -> dict[str, list[str]]:
    """What a handler's code mentions that a fold has no business with, by kind. It looks at names: a hint, not a proof."""
    named = set(_names(handler.__code__))
    # A list may be appended to; only the log's append is a write, and that is a global name.
    named -= {"append"} - set(handler.__globals__)
    return {kind: sorted(named & names) for kind, names in SUSPICIOUS.items() if named & names}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def prove_pure(projection: Projection, envelopes: Sequence[Envelope], *, moved_clock: Callable[[], Any]) -> None:
    """Fold the same events twice, the second time with other dice and under `moved_clock`, and without a database.

    `moved_clock()` is a context manager that changes what clocks tell. Raises ProjectionCheats.
    """
    first = _fold(projection, envelopes, seed=1)
    with moved_clock():
        second = _fold(projection, envelopes, seed=2)
    for (name, before), (_, after) in zip(first, second, strict=True):
        if before != after:
            different = sorted(field for field in before if before[field] != after[field])
            raise ProjectionCheats(
                handler=name, projection=projection.name, how=f"{', '.join(different)} came out differently the second time"
            )


def _fold(projection: Projection, envelopes: Sequence[Envelope], seed: int) -> list[tuple[str, dict[str, Any]]]:
    dice, rows, seen = random.getstate(), dict[Any, Any](), list[tuple[str, dict[str, Any]]]()
    random.seed(seed)
    try:
        for envelope in (envelope for envelope in envelopes if envelope.name in projection.handlers):
            handler = projection.handlers[envelope.name]
            for key in projection.keys_of(envelope):
                with _no_database(projection, handler.__name__):
                    row = rows[key] = handler(rows.get(key) or projection.rows(pk=key), envelope.event, envelope)
                values = {} if row is None else {f.attname: repr(getattr(row, f.attname)) for f in row._meta.concrete_fields}
                seen.append((handler.__name__, values))
    finally:
        random.setstate(dice)
    return seen


@contextmanager
def _no_database(projection: Projection, handler: str) -> Iterator[None]:
    def refuse(execute: Any, sql: str, *_: Any) -> None:
        raise ProjectionCheats(handler=handler, projection=projection.name, how=f"it asked the database ({sql[:80]})")

    with connection.execute_wrapper(refuse):
        yield
