"""What every transport promises; run for memory, for Redis, and for an adapter of your own."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from django.test import SimpleTestCase

from eventstore.delivery.transports import Published, Top, Transport
from eventstore.messages import Envelope

if TYPE_CHECKING:
    Mixin = SimpleTestCase
else:
    Mixin = object  # a module that imports the contract must not run it without an adapter

AT = datetime(2026, 1, 1, tzinfo=UTC)


def envelope(position: int, partition: int = 3, tag: int = 0) -> Envelope:
    return Envelope(
        partition,
        position,
        UUID(int=tag * 10**6 + position),
        "counter-1",
        position,
        "test.raised",
        1,
        msgspec.Raw(b'{"by":1,"note":"\xe9\xa1\xa7\xe5\xae\xa2"}'),
        {"actor": "somebody"},
        AT,
        AT,
    )


def batch(first: int, last: int, tag: int = 0) -> list[Envelope]:
    return [envelope(position, tag=tag) for position in range(first, last + 1)]


class TransportContract(Mixin):
    """Mix into a SimpleTestCase; `make()` gives an empty transport."""

    transport: Transport

    def make(self) -> Transport:
        raise NotImplementedError("the adapter's own test says how to make one")

    def setUp(self) -> None:
        super().setUp()
        self.transport = self.make()

    def publish(
        self, first: int, last: int, *, epoch: int = 1, seed: bool = False, previous: UUID | None = None, tag: int = 0
    ) -> Published:
        return self.transport.publish(3, epoch, batch(first, last, tag), previous=previous, seed=seed)

    def positions(self, after: int = 0, epoch: int = 1, limit: int = 100) -> list[int]:
        return [found.position for found in self.transport.read(3, epoch, after, limit)]

    def test_what_goes_in_comes_out(self) -> None:
        published = self.publish(1, 3)
        self.assertEqual((published.verdict, published.added, published.top), ("ok", 3, Top(1, 3, UUID(int=3))))
        self.assertEqual(self.transport.read(3, 1, 0, 10), batch(1, 3))
        self.assertEqual(self.positions(after=1), [2, 3])
        self.assertEqual(self.positions(limit=2), [1, 2])

    def test_a_duplicate_does_not_enter(self) -> None:
        self.publish(1, 3)
        self.assertEqual(self.publish(1, 3).added, 0)
        self.assertEqual(self.publish(2, 5).added, 2)
        self.assertEqual(self.positions(), [1, 2, 3, 4, 5])

    def test_a_hole_does_not_enter(self) -> None:
        self.publish(1, 2)
        published = self.publish(4, 5)
        self.assertEqual((published.verdict, published.added, published.top.position), ("hole", 0, 2))
        self.assertEqual(self.positions(), [1, 2])

    def test_an_empty_stream_begins_at_one_or_where_it_is_told_to(self) -> None:
        self.assertEqual(self.publish(7, 8).verdict, "hole")
        self.assertEqual(self.publish(7, 8, seed=True).verdict, "ok")
        self.assertEqual(self.positions(), [7, 8])
        self.assertEqual(self.publish(5, 9, seed=True).added, 1, "a seed moves nothing once the stream has begun")

    def test_a_stream_of_a_later_epoch_refuses(self) -> None:
        self.publish(1, 2, epoch=2)
        self.assertEqual(self.publish(3, 4, epoch=1).verdict, "ahead")
        self.assertEqual(self.positions(epoch=2), [1, 2])

    def test_a_new_epoch_begins_anew_and_readers_of_it_see_nothing_older(self) -> None:
        self.publish(1, 9)
        self.assertEqual(self.publish(6, 7, epoch=2).verdict, "hole")
        self.assertEqual(self.publish(6, 7, epoch=2, seed=True, tag=1).verdict, "ok")
        self.assertEqual([found.id for found in self.transport.read(3, 2, 5, 10)], [UUID(int=10**6 + 6), UUID(int=10**6 + 7)])

    def test_a_top_that_the_log_does_not_have_refuses(self) -> None:
        self.publish(1, 5)
        self.assertEqual(self.publish(6, 7, previous=UUID(int=99)).verdict, "diverged")
        self.assertEqual(self.publish(4, 7, tag=1).verdict, "diverged")
        self.assertEqual(self.publish(6, 7, previous=UUID(int=5)).verdict, "ok")

    def test_trimming_keeps_the_top(self) -> None:
        self.publish(1, 9)
        self.transport.trim(3, 1, 8)
        self.assertEqual(self.transport.top(3).position, 9)
        self.assertEqual(self.publish(10, 10, previous=UUID(int=9)).verdict, "ok")
        self.assertEqual(self.publish(5, 6).added, 0, "what was trimmed does not come back")

    def test_partitions_do_not_meet(self) -> None:
        self.publish(1, 3)
        self.assertEqual(self.transport.top(4), Top(0, 0))
        self.assertEqual(self.transport.read(4, 1, 0, 10), [])

    def test_a_flag_is_down_before_somebody_raises_it(self) -> None:
        self.assertEqual(self.transport.raise_flags(["a", "b"]), [True, True])
        self.assertEqual(self.transport.raise_flags(["b", "c"]), [False, True])
        self.transport.lower_flags(["b"])
        self.assertEqual(self.transport.raise_flags(["a", "b"]), [False, True])
