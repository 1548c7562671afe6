"""Relay: from the log to the streams, next to reading rows and sending XADD in pipelines by hand."""

import time
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings

from config.benchmark import histories
from config.benchmark.floors import raw_relays
from config.benchmark.measurements import Options, Row, compare
from eventstore.delivery import relay_partition
from eventstore.log import current_position

EVENTS_A_SECOND = 16_000  #: so many events make a slice of about the wanted length


def measure(options: Options) -> list[Row]:
    with psycopg.connect(settings.DATABASE_URL) as session, redis.Redis.from_url(settings.REDIS_URL) as client:
        events = histories.fill(session, int(options.seconds * EVENTS_A_SECOND))
        session.execute(raw_relays.TABLE)
        session.commit()

        def rate(relay: Callable[[], int]) -> float:
            client.flushall()
            for table in ("eventstore_relaycheckpoint", "raw_relay"):
                session.execute(f"UPDATE {table} SET position = 0")
            session.commit()
            begun = time.perf_counter()
            sent = relay()
            seconds = time.perf_counter() - begun
            if sent != events:
                raise RuntimeError(f"{sent} of {events} events went out.")
            return sent / seconds

        def ours() -> int:
            return sum(relay_partition(partition) for partition in current_position().heads)

        def by_hand() -> int:
            return raw_relays.relay(session, client)

        for warm_up in (ours, by_hand):
            rate(warm_up)
        return [
            compare(
                "relay",
                lambda: rate(ours),
                lambda: rate(by_hand),
                repeat=options.repeat,
                unit="events/s",
                peer="raw read and pipelined XADD",
                wanted=">= 1.0",
            )
        ]
