"""States of long streams, kept in this process: whoever moves over versions folds the last few events, not thousands each time."""

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Any
from uuid import UUID

from eventstore.log import read_stream
from eventstore.messages import Aggregate, Envelope

EVERY = 250  #: versions between two states that are kept
STREAMS = 32  #: that are kept; the one that nobody asked for longest goes first
BATCH = 1000

#: Of each stream the state after some of its events, with the event's id: after a restore the same version may be another one.
_kept: OrderedDict[str, dict[int, tuple[UUID, Any]]] = OrderedDict()
_lock = Lock()


def state_at(owner: Aggregate, stream: str, version: int) -> Any:
    """The state of a stream after a version; the initial one for 0. Raises UnknownEvent, UnreadableEvent."""
    at, known, state = _newest(owner, stream, version)
    for envelope in read_from(stream, at - 1 if at else 0, version):
        if envelope.version == at:
            if envelope.id != known:
                forget(stream)
                return state_at(owner, stream, version)
            continue
        state = owner.evolve(state, envelope.event)
        if envelope.version % EVERY == 0:
            _keep(stream, envelope, state)
    return state


def read_from(stream: str, after: int, until: int | None = None) -> Iterator[Envelope]:
    """A stream after a version, in batches: whoever stops early has not read it all."""
    while until is None or after < until:
        batch = read_stream(stream, after=after, limit=BATCH if until is None else min(BATCH, until - after))
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].version


def forget(stream: str) -> None:
    """Fold this stream from its beginning when it is asked for again."""
    with _lock:
        _kept.pop(stream, None)


def _newest(owner: Aggregate, stream: str, version: int) -> tuple[int, UUID | None, Any]:
    with _lock:
        states = _kept.get(stream, {})
        at = max((kept for kept in states if kept <= version), default=0)
        if not at:
            return 0, None, owner.initial
        _kept.move_to_end(stream)
        return at, *states[at]


def _keep(stream: str, envelope: Envelope, state: Any) -> None:
    with _lock:
        _kept.setdefault(stream, {})[envelope.version] = (envelope.id, state)
        _kept.move_to_end(stream)
        while len(_kept) > STREAMS:
            _kept.popitem(last=False)
