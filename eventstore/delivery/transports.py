"""The port to the streams: publish the contiguous rest, read on from a position, see the top, coalesce hints."""

from collections.abc import Sequence
from functools import cache
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from eventstore.conf import conf
from eventstore.messages import Envelope


class Top(msgspec.Struct, frozen=True):
    """The newest entry a stream ever took. `event_id` is None when that entry was trimmed away."""

    epoch: int
    position: int
    event_id: UUID | None = None


class Published(msgspec.Struct, frozen=True):
    """What became of a batch. Only "ok" added anything; on every verdict `top` is the stream's top afterwards."""

    verdict: Literal["ok", "hole", "ahead", "diverged"]
    added: int
    top: Top


class Transport(Protocol):
    """One stream a partition. Every adapter passes eventstore.testing.TransportContract; all of them raise TransportDown only."""

    def publish(self, partition: int, epoch: int, envelopes: Sequence[Envelope], *, previous: UUID | None, seed: bool) -> Published:
        """Append what the stream does not have yet of a contiguous batch, atomically.

        A batch that would leave a hole is refused ("hole"), a stream of a later epoch refuses ("ahead"), a top that
        is not the event the log has there refuses ("diverged"). With `seed` an empty stream, or one of an earlier
        epoch, may begin at the batch's first position. `previous` is the id of the event before the batch, if known.
        """

    def top(self, partition: int) -> Top:
        """The top of a stream; epoch 0 and position 0 when it is empty."""

    def read(self, partition: int, epoch: int, after: int, limit: int) -> list[Envelope]:
        """The entries beyond a position, as they stand in the stream: perhaps none, perhaps with a hole."""

    def trim(self, partition: int, epoch: int, below: int) -> int:
        """Drop entries below a position; return how many went."""

    def facts(self) -> dict[str, str]:
        """What the server says of itself: server ("redis" or "valkey"), version, maxmemory_policy. Empty without a server."""

    def raise_flags(self, names: Sequence[str]) -> list[bool]:
        """Raise each flag for some seconds; say which ones were down before."""

    def lower_flags(self, names: Sequence[str]) -> None:
        """Take flags down: whoever raises one from now on sends a new hint."""


@cache
def transport() -> Transport:
    """The transport of this process."""
    if conf().TRANSPORT == "memory":
        from eventstore.delivery.memory_streams import MemoryStreams

        return MemoryStreams()
    from eventstore.delivery.redis_streams import RedisStreams

    return RedisStreams(conf().REDIS_URL, conf().STREAM_PREFIX)
