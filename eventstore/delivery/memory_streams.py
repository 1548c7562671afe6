"""Streams in this process's memory, under the same contract as Redis. For tests."""

from bisect import bisect_right
from collections.abc import Sequence
from threading import RLock
from uuid import UUID

from eventstore.delivery.transports import Published, Top
from eventstore.messages import Envelope, pack, unpack

_EMPTY = Top(epoch=0, position=0)


class MemoryStreams:
    """Keeps packed bytes, so that what comes out went through the same codec."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._entries: dict[int, list[tuple[int, int, bytes]]] = {}
        self._tops: dict[int, Top] = {}
        self._flags: set[str] = set()

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        with self._lock:
            self._entries.clear()
            self._tops.clear()
            self._flags.clear()

    def publish(self, partition: int, epoch: int, envelopes: Sequence[Envelope], *, previous: UUID | None, seed: bool) -> Published:
        with self._lock:
            top = self.top(partition)
            if top.epoch > epoch:
                return Published("ahead", 0, top)
            if not envelopes:
                return Published("ok", 0, top)
            first = envelopes[0].position
            fresh = top.epoch < epoch
            at = first - 1 if fresh and (seed or first == 1) else 0 if fresh else top.position
            if first > at + 1:
                return Published("hole", 0, top)
            if not fresh and top.event_id is not None:
                known = previous if at == first - 1 else next((e.id for e in envelopes if e.position == at), None)
                if known is not None and known != top.event_id:
                    return Published("diverged", 0, top)
            rest = [envelope for envelope in envelopes if envelope.position > at]
            self._entries.setdefault(partition, []).extend((epoch, envelope.position, pack(envelope)) for envelope in rest)
            if rest:
                self._tops[partition] = Top(epoch, rest[-1].position, rest[-1].id)
            return Published("ok", len(rest), self.top(partition))

    def top(self, partition: int) -> Top:
        return self._tops.get(partition, _EMPTY)

    def read(self, partition: int, epoch: int, after: int, limit: int) -> list[Envelope]:
        with self._lock:
            entries = self._entries.get(partition, [])
            start = bisect_right(entries, (epoch, after), key=lambda entry: entry[:2])
            return [unpack(packed) for _, _, packed in entries[start : start + limit]]

    def trim(self, partition: int, epoch: int, below: int) -> int:
        with self._lock:
            entries = self._entries.get(partition, [])
            kept = [entry for entry in entries if entry[:2] >= (epoch, below)]
            self._entries[partition] = kept
            top = self._tops.get(partition)
            if not kept and top is not None:
                self._tops[partition] = Top(top.epoch, top.position)
            return len(entries) - len(kept)

    def facts(self) -> dict[str, str]:
        return {}

    def raise_flags(self, names: Sequence[str]) -> list[bool]:
        with self._lock:
            were_down = [name not in self._flags for name in names]
            self._flags.update(names)
            return were_down

    def lower_flags(self, names: Sequence[str]) -> None:
        with self._lock:
            self._flags.difference_update(names)
