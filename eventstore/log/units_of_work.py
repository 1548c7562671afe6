"""A unit of work: one durable transaction whose events are its last statements before COMMIT."""

from collections.abc import Iterator, Sequence
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
from django.db import transaction

from eventstore.clock import new_id, now
from eventstore.context import facts_to_record
from eventstore.errors import NestedTransaction, NotInUnitOfWork, StreamMoved
from eventstore.faults import step
from eventstore.log.announcements import events_committed
from eventstore.log.positions import Position
from eventstore.log.streams import partition_of
from eventstore.log.writer import Draft, hold_versions, recorded_already, stream_version, write
from eventstore.messages import Event, encode, name_of
from eventstore.spans import appending
from eventstore.tracing import Span, recorder

Expected = int | Literal["any"]
NEW = 0  #: the stream must not exist yet
ANY: Literal["any"] = "any"  #: whatever its version is


class _Work:
    """What one unit of work has noted so far."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.versions: dict[str, int] = {}
        self.story = str(new_id())
        self.position: Position | None = None
        self.spans: dict[str, Span | None] = {}


_current: ContextVar[_Work | None] = ContextVar("daybook_unit_of_work", default=None)


class unit_of_work(ContextDecorator):
    """One durable transaction. Inside another unit of work it joins that one.

    After a `with` block, `position` says where its last events stand in the log, one per partition.
    Raises StreamMoved when another writer was first, NestedTransaction inside a foreign transaction.
    """

    def __init__(self) -> None:
        self._work: _Work | None = None
        self._token: Token[_Work | None] | None = None
        self._atomic: transaction.Atomic | None = None

    def _recreate_cm(self) -> Self:
        return type(self)()

    @property
    def position(self) -> Position | None:
        """Where the events of this unit stand; None when it wrote none or has not committed."""
        return self._work.position if self._work else None

    @property
    def event_count(self) -> int:
        """How many events are noted so far."""
        return len(self._work.drafts) if self._work else 0

    @property
    def noted_names(self) -> list[str]:
        """The names of the events noted so far."""
        return [draft.name for draft in self._work.drafts] if self._work else []

    @property
    def noted_ids(self) -> list[UUID]:
        """The ids of the events noted so far."""
        return [draft.id for draft in self._work.drafts] if self._work else []

    @property
    def last_event_ids(self) -> list[UUID]:
        """The id of the last event noted so far, one per partition: where they stand can be asked again later."""
        return list({partition_of(draft.stream): draft.id for draft in (self._work.drafts if self._work else ())}.values())

    def __enter__(self) -> Self:
        if (outer := _current.get()) is not None:
            self._work = outer
            return self
        self._atomic = transaction.atomic(durable=True)
        try:
            self._atomic.__enter__()
        except RuntimeError as error:  # Django's "A durable atomic block cannot be nested"
            raise NestedTransaction() from error
        self._work = _Work()
        self._token = _current.set(self._work)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._token is None or self._atomic is None or self._work is None:
            return
        _current.reset(self._token)
        self._token = None
        try:
            self._finish(self._atomic, self._work, kind, error, trace)
        except BaseException as failure:
            _end_spans(self._work, type(failure))
            raise
        _end_spans(self._work, kind)

    @staticmethod
    def _finish(
        atomic: transaction.Atomic, work: _Work, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                step("work.committing")
            if kind is None and work.drafts:
                work.position = write(work.drafts)
                partitions = sorted(work.position.heads)
                transaction.on_commit(lambda: _announce(partitions), robust=True)
        except BaseException as flush_error:
            work.position = None
            atomic.__exit__(type(flush_error), flush_error, flush_error.__traceback__)
            raise
        atomic.__exit__(kind, error, trace)


@contextmanager
def savepoint() -> Iterator[None]:
    """Part of a unit of work that is taken back on its own when it raises: rows and noted events alike. Raises NotInUnitOfWork."""
    work = _current.get()
    if work is None:
        raise NotInUnitOfWork(stream="a savepoint")
    drafts, versions = len(work.drafts), dict(work.versions)
    try:
        with transaction.atomic():
            yield
    except BaseException:
        del work.drafts[drafts:]
        work.versions = versions
        raise


def append(
    stream: str,
    events: Sequence[Event],
    *,
    expected: Expected,
    ids: Sequence[UUID] = (),
    occurred_at: datetime | None = None,
) -> int:
    """Note events for the end of this unit of work; return the version that the stream will then have.

    `expected` is the version the stream has now, NEW or ANY. With `ids`, an event recorded before under its id and
    with the same content is the same write and is not noted again.
    Raises NotInUnitOfWork, StreamMoved, UnregisteredEvent, EventIdReused.
    """
    work = _current.get()
    if work is None:
        raise NotInUnitOfWork(stream=stream)
    drafted = work.versions.get(stream)
    if expected == ANY:
        version = drafted if drafted is not None else stream_version(stream, work.versions)
    elif drafted is not None and drafted != expected:
        raise StreamMoved(stream=stream, expected=expected)
    else:
        version = expected
    facts = msgspec.Raw(msgspec.json.encode(_facts(work)))
    for index, event in enumerate(events):
        name, schema_version = name_of(type(event))
        data = encode(event)
        if ids and recorded_already(ids[index], stream, name, data):
            continue
        version += 1
        work.drafts.append(
            Draft(
                id=ids[index] if ids else new_id(),
                stream=stream,
                version=version,
                name=name,
                schema_version=schema_version,
                data=msgspec.Raw(data),
                facts=facts,
                occurred_at=occurred_at or now(),
            )
        )
    work.versions[stream] = version
    return version


def hold(*streams: str) -> dict[str, int]:
    """The versions these streams have, or will have with what is noted; nobody else appends to them until this unit of work ends.

    Row locks are taken before it, as before the flush. Raises NotInUnitOfWork.
    """
    work = _current.get()
    if work is None:
        raise NotInUnitOfWork(stream=", ".join(streams))
    return {stream: max(version, work.versions.get(stream, 0)) for stream, version in hold_versions(streams).items()}


def _facts(work: _Work) -> dict[str, Any]:
    """The facts of events that are noted now; where spans are recorded, the one they are appended in is their context."""
    told = facts_to_record(work.story)
    if recorder() is None:
        return told
    parent = str(told.get("trace", ""))
    if parent not in work.spans:
        work.spans[parent] = appending()
    span = work.spans[parent]
    return told | span.trace.facts if span else told


def _end_spans(work: _Work, failed: type[BaseException] | None) -> None:
    for span in work.spans.values():
        if span is not None:
            if failed is not None:
                span.fail(failed.__qualname__)
            span.end()


def _announce(partitions: list[int]) -> None:
    step("work.committed")
    events_committed.send(sender=unit_of_work, partitions=partitions)
