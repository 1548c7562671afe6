"""Hints after COMMIT: a Celery message to whoever has work now, coalesced by a flag.

A hint, not a promise: the sweep finds whatever a lost hint leaves behind. The flag is lowered before the log or the
stream is read, so an event that comes later raises it again and sends a hint of its own.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

from eventstore.conf import conf
from eventstore.delivery.consumers import Consumer, consumer_named
from eventstore.delivery.errands import Errands
from eventstore.delivery.transports import transport
from eventstore.errors import TransportDown
from eventstore.tracing import headers

Key = TypeVar("Key", int, str)

log = logging.getLogger(__name__)

HINT_SECONDS = 30  #: an older hint is worth nothing, the sweep has been there


def relay_flag(partition: int) -> str:
    return f"wake:relay:{{{partition}}}"


def consume_flag(partition: int, group: str) -> str:
    return f"wake:{group}:{{{partition}}}"


def run_flag(run_id: UUID, seat: int) -> str:
    return f"wake:run:{run_id}:{seat}"


def wake_relay_soon(partitions: Sequence[int], **_: Any) -> None:
    """The same from another thread: whoever has just committed does not wait for Redis. Never raises."""
    if conf().WAKE:
        errands.put(partitions)


def wake_relay(partitions: Iterable[int]) -> None:
    """Say that these partitions have something to publish. Never raises."""
    for partition in _raise({partition: relay_flag(partition) for partition in partitions}):
        _send("eventstore.relay", [partition])


def wake_consumers(partition: int, consumers: Iterable[Consumer]) -> None:
    """Say that these consumers have something to take. Never raises."""
    for names in _without_hint(partition, consumers):
        _send("eventstore.consume", [partition, names])


def wake_or_take(partition: int, consumers: Iterable[Consumer]) -> list[str]:
    """The same, but who shares a hint gets none: return their names, for the caller takes for them at once. It saves them a hop."""
    mine: list[str] = []
    for names in _without_hint(partition, consumers):
        if consumer_named(names[0]).shares_hint:
            mine += names
        else:
            _send("eventstore.consume", [partition, names])
    return mine


def _without_hint(partition: int, consumers: Iterable[Consumer]) -> list[list[str]]:
    """The names of consumers that have no hint on its way, those who share one together."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    # Read tables first: somebody may be looking at them.
    for consumer in sorted(consumers, key=lambda consumer: consumer.kind != "projection"):
        groups[_group(consumer)].append(consumer.name)
    return [groups[group] for group in _raise({group: consume_flag(partition, group) for group in groups})]


def wake_retries() -> None:
    """Say that parked keys are due. Never raises."""
    for _ in _raise({"retry": "wake:retry"}):
        _send("eventstore.retry", [])


def wake_sagas() -> None:
    """Say that sagas have sent commands, or have waited long enough. Never raises."""
    for _ in _raise({"sagas": "wake:sagas"}):
        _send("eventstore.sagas", [])


def wake_run(run_id: UUID, seats: Sequence[int] | None = None) -> None:
    """Say that a run has something to do: a hint for each process that may drive it. Never raises.

    It has a queue of its own, so that it never stands in front of live work.
    """
    for seat in _raise({seat: run_flag(run_id, seat) for seat in (range(conf().RUN_DRIVERS) if seats is None else seats)}):
        _send("eventstore.run", [str(run_id), seat], queue="runs")


#: Sends the hints of this process.
errands = Errands(wake_relay)


def _raise(flags: dict[Key, str]) -> list[Key]:
    """Raise these flags; return whose were down, for they have no hint on its way."""
    if not flags or not conf().WAKE:
        return []
    try:
        were_down = transport().raise_flags(list(flags.values()))
    except TransportDown as down:
        log.warning("hint_lost", extra={"reason": str(down)})
        return []
    return [key for key, was_down in zip(flags, were_down, strict=True) if was_down]


def lower(flags: Sequence[str]) -> None:
    """Take flags down before reading. Never raises: without Redis there are no flags."""
    with suppress(TransportDown):
        transport().lower_flags(flags)


def flags_of(partition: int, names: Sequence[str]) -> list[str]:
    """The flags that a hint for these consumers was coalesced by."""
    return [consume_flag(partition, group) for group in sorted({_group(consumer_named(name)) for name in names})]


def _group(consumer: Consumer) -> str:
    """Who only writes rows shares one hint; whoever calls others has a hint of its own, so that nobody waits for its calls."""
    return "shared" if consumer.shares_hint else consumer.name


def _send(task: str, arguments: list[Any], queue: str | None = None) -> None:
    """Send one hint. One try only: a request must not wait for a broker that is away."""
    try:
        current_app.send_task(task, args=arguments, queue=queue, expires=HINT_SECONDS, ignore_result=True, retry=False, headers=headers())
    except (OperationalError, OSError) as error:
        log.warning("hint_lost", extra={"task": task, "reason": f"{type(error).__name__}: {error}"})
