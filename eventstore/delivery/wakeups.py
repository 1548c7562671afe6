"""Hints after COMMIT: a Celery message to whoever has work now, coalesced by a flag.

A hint, not a promise: the sweep finds whatever a lost hint leaves behind. The flag is lowered before the log or the
stream is read, so an event that comes later raises it again and sends a hint of its own.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from eventstore.conf import conf
from eventstore.delivery.consumers import consumer_named, interested_in
from eventstore.delivery.transports import transport
from eventstore.errors import TransportDown

log = logging.getLogger(__name__)

HINT_SECONDS = 30  #: an older hint is worth nothing, the sweep has been there


def relay_flag(partition: int) -> str:
    return f"wake:relay:{{{partition}}}"


def consume_flag(partition: int, group: str) -> str:
    return f"wake:{group}:{{{partition}}}"


def wake_relay(partitions: Sequence[int], **_: Any) -> None:
    """Say that these partitions have something to publish. Never raises."""
    if not conf().WAKE:
        return
    try:
        for partition, was_down in zip(partitions, transport().raise_flags([relay_flag(p) for p in partitions]), strict=True):
            if was_down:
                send_relay(partition)
    except TransportDown as down:
        log.warning("hint_lost", extra={"reason": str(down)})


def wake_consumers(partition: int, names: Iterable[str]) -> None:
    """Say that events of these names were published. Never raises."""
    if not conf().WAKE:
        return
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for consumer in interested_in(names):
        groups[consumer.kind if consumer.shares_hint else consumer.name].append(consumer.name)
    try:
        flags = [consume_flag(partition, group) for group in groups]
        for group, was_down in zip(groups, transport().raise_flags(flags) if flags else [], strict=True):
            if was_down:
                send_consume(partition, groups[group])
    except TransportDown as down:
        log.warning("hint_lost", extra={"reason": str(down)})


def lower(flags: Sequence[str]) -> None:
    """Take flags down before reading. Never raises: without Redis there are no flags."""
    with suppress(TransportDown):
        transport().lower_flags(flags)


def flags_of(partition: int, names: Sequence[str]) -> list[str]:
    """The flags that a hint for these consumers was coalesced by."""
    consumers = [consumer_named(name) for name in names]
    groups = {consumer.kind if consumer.shares_hint else consumer.name for consumer in consumers}
    return [consume_flag(partition, group) for group in sorted(groups)]


def send_relay(partition: int) -> int:
    return _send("eventstore.relay", [partition])


def send_consume(partition: int, names: Sequence[str]) -> int:
    return _send("eventstore.consume", [partition, list(names)])


def send_retry(parked: str) -> int:
    return _send("eventstore.retry", [parked])


def _send(task: str, arguments: list[Any]) -> int:
    """Send one hint; return 1 if the broker took it. One try only: a request must not wait for a broker that is away."""
    if not conf().WAKE:
        return 0
    try:
        current_app.send_task(task, args=arguments, expires=HINT_SECONDS, ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("hint_lost", extra={"task": task, "reason": f"{type(error).__name__}: {error}"})
        return 0
    return 1
