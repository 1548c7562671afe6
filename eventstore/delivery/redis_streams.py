"""Streams in Redis or Valkey: the only file that speaks Redis, with publish.lua beside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry as RedisRetry

from eventstore.conf import conf
from eventstore.delivery.transports import Published, Top
from eventstore.errors import TransportDown
from eventstore.messages import Envelope, pack, unpack

PUBLISH = (Path(__file__).parent / "publish.lua").read_text()
FLAG_SECONDS = 2  #: a flag outlives a lost hint by at most this


def redis_client(url: str) -> "redis.Redis":
    """The one way to make a client. Short timeouts: the log goes on without Redis, so nobody should wait for it long."""
    return redis.Redis.from_url(
        url, socket_timeout=2, socket_connect_timeout=1, health_check_interval=30, retry=RedisRetry(ExponentialBackoff(0.2, 0.02), 2)
    )


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise TransportDown(reason=f"{type(error).__name__}: {error}") from error


class RedisStreams:
    """Keys carry the partition as a hash tag, so a Cluster can spread them."""

    def __init__(self, url: str, prefix: str) -> None:
        self.client = redis_client(url)
        self._prefix = prefix
        self._publish = self.client.register_script(PUBLISH)

    def key(self, partition: int) -> str:
        return f"{self._prefix}:events:{{{partition}}}"

    def publish(self, partition: int, epoch: int, envelopes: Sequence[Envelope], *, previous: UUID | None, seed: bool) -> Published:
        if "relay-compare" in conf().WITHOUT and envelopes:
            return self._publish_without_comparing(partition, epoch, envelopes)
        arguments: list[Any] = [epoch, envelopes[0].position if envelopes else 0, str(previous or ""), "1" if seed else "0"]
        for envelope in envelopes:
            arguments += (str(envelope.id), pack(envelope))
        with _answering():
            verdict, added, top_epoch, top, event_id = self._publish(keys=[self.key(partition)], args=arguments)
        return Published(verdict.decode(), added, Top(top_epoch, top, UUID(event_id.decode()) if event_id else None))

    def _publish_without_comparing(self, partition: int, epoch: int, envelopes: Sequence[Envelope]) -> Published:
        """What most tutorials do; `manage.py chaos --without relay-compare` shows what it costs."""
        with _answering(), self.client.pipeline(transaction=False) as pipe:
            for envelope in envelopes:
                entry: dict[Any, Any] = {"id": str(envelope.id), "event": pack(envelope)}
                pipe.xadd(self.key(partition), entry, id=f"{epoch}-{envelope.position}")
            added = sum(not isinstance(answer, Exception) for answer in pipe.execute(raise_on_error=False))
        return Published("ok", added, Top(epoch, envelopes[-1].position, envelopes[-1].id))

    def top(self, partition: int) -> Top:
        return self.publish(partition, 2**31, [], previous=None, seed=False).top

    def read(self, partition: int, epoch: int, after: int, limit: int) -> list[Envelope]:
        with _answering():
            # RESP2 answers a list of (stream, entries), RESP3 a dict of them.
            answer: Any = self.client.xread({self.key(partition): f"{epoch}-{after}"}, count=limit) or {}
        streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
        found: list[Envelope] = []
        for entries in streams:
            for entry in entries[0] if entries and isinstance(entries[0], list) else entries:
                if entry[1] is not None:
                    found.append(unpack(entry[1][b"event"]))
        return found

    def trim(self, partition: int, epoch: int, below: int) -> int:
        with _answering():
            return int(self.client.xtrim(self.key(partition), minid=f"{epoch}-{below}", approximate=True))

    def facts(self) -> dict[str, str]:
        with _answering():
            told: Any = self.client.info("server") | self.client.info("memory")
        server = str(told.get("server_name", "redis"))
        return {
            "server": server,
            "version": str(told[f"{server}_version"]),
            "maxmemory_policy": str(told["maxmemory_policy"]),
        }

    def raise_flags(self, names: Sequence[str]) -> list[bool]:
        with _answering(), self.client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.set(f"{self._prefix}:{name}", 1, nx=True, ex=FLAG_SECONDS)
            return [bool(answer) for answer in pipe.execute()]

    def lower_flags(self, names: Sequence[str]) -> None:
        with _answering():
            self.client.delete(*(f"{self._prefix}:{name}" for name in names))
