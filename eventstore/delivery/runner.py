"""Stream to consumer: take the contiguous run beyond the checkpoint, handle it, move the checkpoint, all in one unit of work,
so that what a handler appends to the log commits with its effects.

Next: the handlers of an app, such as orders/projections.py.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from django.db import transaction

from eventstore.conf import conf
from eventstore.delivery import checkpoints, parking
from eventstore.delivery.attempts import BROKEN, attempt
from eventstore.delivery.checkpoints import Turn
from eventstore.delivery.consumers import Consumer
from eventstore.delivery.retries import ProcessDied
from eventstore.delivery.transports import transport
from eventstore.errors import TransportDown
from eventstore.log import read_partition, unit_of_work
from eventstore.messages import Envelope

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0  #: a task ends after this and leaves the rest to the next hint: no task outlives the broker's patience
DEATHS = 3  #: an event that took its process down this often is parked


def drain(consumer: Consumer, partition: int, seconds: float = DRAIN_SECONDS) -> int:
    """Let a consumer take what waits in a partition; return how many events its checkpoint moved."""
    until = time.monotonic() + seconds
    moved = 0
    while step := take_step(consumer, partition):
        moved += step
        if time.monotonic() > until:
            break
    return moved


def take_step(consumer: Consumer, partition: int) -> int:
    """Take the next batch; return how many events the checkpoint moved, 0 when nothing waits or another process is at it."""
    turn = checkpoints.begin(consumer, partition)
    if turn is None:
        return 0
    batch, fallback = next_events(partition, turn)
    if not batch:
        return 0
    try:
        done = _handle_together(consumer, partition, turn, batch, fallback=fallback)
    except BROKEN:
        raise
    except Exception as error:  # whatever a handler raises: find out whose fault it is, one event at a time
        log.info("batch_failed", extra={"consumer": consumer.name, "partition": partition, "error_class": type(error).__name__})
        done = _handle_one_by_one(consumer, partition, turn, batch, fallback=fallback)
    return len(batch) if done else 0


def next_events(partition: int, turn: Turn) -> tuple[list[Envelope], bool]:
    """The contiguous run beyond the checkpoint, and whether it had to come from the log because the stream has not got it."""
    limit = 1 if turn.careful else conf().BATCH
    # Only as far as the relay has compared it with the log: if that was restored to an older point, the stream holds what it lost.
    if turn.published > turn.position:
        with suppress(TransportDown):
            entries = transport().read(partition, turn.epoch, turn.position, min(limit, turn.published - turn.position))
            if run := _contiguous(entries, turn.position):
                return run, False
    return read_partition(partition, turn.position, min(limit, turn.head - turn.position)), True


def _contiguous(entries: Sequence[Envelope], after: int) -> list[Envelope]:
    if "consumer-contiguity" in conf().WITHOUT:
        return list(entries)
    run: list[Envelope] = []
    for expected, envelope in enumerate(entries, start=after + 1):
        if envelope.position != expected:
            break
        run.append(envelope)
    return run


def _handle_together(consumer: Consumer, partition: int, turn: Turn, batch: list[Envelope], *, fallback: bool) -> bool:
    if "checkpoint-with-effects" in conf().WITHOUT:
        return _handle_then_move(consumer, partition, turn, batch)
    with unit_of_work():
        if not checkpoints.move(consumer, partition, turn.position, batch[-1].position, fallback=fallback):
            return False
        checkpoints.queue_up(consumer)
        blocked = parking.blocked_keys(consumer, partition) if turn.parked else frozenset()
        wanted = [e for e in batch if e.name in consumer.handlers and consumer.key_of(e) not in blocked]
        if wanted and turn.careful and turn.attempts > DEATHS:
            parking.park(consumer, wanted[0], ProcessDied(id=wanted[0].id, times=turn.attempts - 1))
        elif wanted:
            consumer.handle(wanted)
    return True


def _handle_one_by_one(consumer: Consumer, partition: int, turn: Turn, batch: list[Envelope], *, fallback: bool) -> bool:
    """The same, with a savepoint an event: the events at fault are parked, all others take effect."""
    with unit_of_work():
        if not checkpoints.move(consumer, partition, turn.position, batch[-1].position, fallback=fallback):
            return False
        checkpoints.queue_up(consumer)
        blocked = set(parking.blocked_keys(consumer, partition))
        for envelope in batch:
            key = consumer.key_of(envelope)
            if envelope.name not in consumer.handlers or key in blocked:
                continue
            if error := attempt(consumer, envelope):
                parking.park(consumer, envelope, error)
                blocked.add(key)
    return True


def _handle_then_move(consumer: Consumer, partition: int, turn: Turn, batch: list[Envelope]) -> bool:
    """Effects and checkpoint in two transactions; only `manage.py chaos --without checkpoint-with-effects` does this."""
    with unit_of_work():
        consumer.handle([envelope for envelope in batch if envelope.name in consumer.handlers])
    with transaction.atomic():
        return checkpoints.move(consumer, partition, turn.position, batch[-1].position, fallback=False)
