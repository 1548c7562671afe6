"""Stream to consumer: take the contiguous run beyond the checkpoint, handle it, move the checkpoint, all in one unit of work,
so that what a handler appends to the log commits with its effects.

Next: the handlers of an app, such as orders/projections.py.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from django.db import transaction
from msgspec.structs import replace

from eventstore.conf import conf
from eventstore.delivery import checkpoints, corrections, operations, parking
from eventstore.delivery.attempts import BROKEN, attempt
from eventstore.delivery.checkpoints import Batch, Turn
from eventstore.delivery.consumers import Consumer
from eventstore.delivery.retries import ProcessDied
from eventstore.delivery.transports import transport
from eventstore.errors import EventStoreError, TransportDown
from eventstore.faults import step
from eventstore.log import read_partition, savepoint, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import ParkedKey
from eventstore.spans import taking
from eventstore.tracing import recorder

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0  #: a task ends after this and leaves the rest to the next hint: no task outlives the broker's patience
EVERYTHING = 10  #: different keys of one batch; when all of them fail, the consumer is paused
DEATHS = 3  #: an event that took its process down this often is parked


class FailsEverything(EventStoreError):
    """{name} failed on all of {keys} different keys, the last time with {error!r}. It is paused, nothing is parked: mend it, resume it."""


def drain(consumer: Consumer, partition: int, seconds: float = DRAIN_SECONDS) -> int:
    """Let a consumer take what waits in a partition; return how many events its checkpoint moved."""
    until = time.monotonic() + seconds
    moved = 0
    while taken := take_step(consumer, partition):
        moved += taken
        if time.monotonic() > until:
            break
    return moved


def take_step(consumer: Consumer, partition: int) -> int:
    """Take the next batch; return how many events the checkpoint moved, 0 when nothing waits or another process is at it."""
    turn = checkpoints.begin(consumer, partition)
    if turn is None:
        return 0
    step("attempt.counted")
    batch = next_batch(consumer, partition, turn)
    if batch.upto == turn.position:
        return 0
    if turn.corrected:
        batch = replace(batch, events=corrections.apply(consumer, batch.events))
    # Those that nobody handles are in nobody's trace.
    about = [envelope for envelope in batch.events if envelope.name in consumer.handlers] if recorder() else ()
    try:
        with taking(consumer.identity, partition, about, again=consumer.select is not None):
            done = _handle_together(consumer, partition, turn, batch)
    except BROKEN:
        raise
    except Exception as error:  # whatever a handler raises: find out whose fault it is, one event at a time
        log.info("batch_failed", extra={"consumer": consumer.name, "partition": partition, "error_class": type(error).__name__})
        try:
            with taking(consumer.identity, partition, about, again=consumer.select is not None):
                done = _handle_one_by_one(consumer, partition, turn, batch)
        except FailsEverything as everything:
            operations.pause(consumer.name, str(everything))
            return 0
    return batch.upto - turn.position if done else 0


def next_batch(consumer: Consumer, partition: int, turn: Turn) -> Batch:
    """The contiguous run beyond the checkpoint; from the log when the stream has not got it. A run selects for itself."""
    limit = 1 if turn.careful else min(conf().BATCH, consumer.batch or conf().BATCH)
    if consumer.select is not None:
        selected = consumer.select(partition, turn.position, turn.head, limit)
        return Batch(selected, selected[-1].position if len(selected) == limit else turn.head)
    # Only as far as the relay has compared it with the log: if that was restored to an older point, the stream holds what it lost.
    if turn.published > turn.position:
        with suppress(TransportDown):
            entries = transport().read(partition, turn.epoch, turn.position, min(limit, turn.published - turn.position))
            if run := _contiguous(entries, turn.position):
                return Batch(run, run[-1].position)
    found = read_partition(partition, turn.position, min(limit, turn.head - turn.position))
    return Batch(found, found[-1].position if found else turn.position, fallback=True)


def _contiguous(entries: Sequence[Envelope], after: int) -> list[Envelope]:
    if "consumer-contiguity" in conf().WITHOUT:
        return list(entries)
    run: list[Envelope] = []
    for expected, envelope in enumerate(entries, start=after + 1):
        if envelope.position != expected:
            break
        run.append(envelope)
    return run


def _handle_together(consumer: Consumer, partition: int, turn: Turn, batch: Batch) -> bool:
    if "checkpoint-with-effects" in conf().WITHOUT:
        return _handle_then_move(consumer, partition, turn, batch)
    with unit_of_work():
        if not checkpoints.move(consumer, partition, turn.position, batch):
            return False
        step("checkpoint.moved")
        checkpoints.queue_up(consumer)
        blocked = parking.blocked_keys(consumer, partition) if turn.parked else frozenset()
        wanted = [e for e in batch.events if e.name in consumer.handlers and consumer.key_of(e) not in blocked]
        if wanted and turn.careful and turn.attempts > DEATHS:
            parking.park(consumer, wanted[0], ProcessDied(id=wanted[0].id, times=turn.attempts - 1))
        elif wanted:
            consumer.handle(wanted)
        step("handlers.done")
    return True


def _handle_one_by_one(consumer: Consumer, partition: int, turn: Turn, batch: Batch) -> bool:
    """The same, with a savepoint an event: the events at fault are parked, all others take effect."""
    with unit_of_work():
        if not checkpoints.move(consumer, partition, turn.position, batch):
            return False
        checkpoints.queue_up(consumer)
        _attempt_each(consumer, partition, [envelope for envelope in batch.events if envelope.name in consumer.handlers])
    return True


def _attempt_each(consumer: Consumer, partition: int, events: Sequence[Envelope]) -> None:
    blocked = set(parking.blocked_keys(consumer, partition))
    failed: set[str] = set()
    tried: set[str] = set()
    for envelope in events:
        key = consumer.key_of(envelope)
        if key in blocked:
            continue
        tried.add(key)
        error = attempt(consumer, envelope)
        if error and parking.park(consumer, envelope, error).state in ParkedKey.HELD:
            failed.add(key)
            blocked.add(key)
    # Not these events' fault then: parking them all would bury one broken handler under a thousand dead letters.
    if len(failed) >= EVERYTHING and failed == tried:
        raise FailsEverything(name=consumer.name, keys=len(failed), error=error)


def handle_upto(consumer: Consumer, partition: int, after: int, upto: int) -> None:
    """Take the events of a partition up to a position inside the caller's unit of work, which holds the checkpoint."""
    while after < upto:
        events = corrections.apply(consumer, read_partition(partition, after, min(conf().BATCH, upto - after)))
        blocked = parking.blocked_keys(consumer, partition)
        wanted = [e for e in events if e.name in consumer.handlers and consumer.key_of(e) not in blocked]
        try:
            with savepoint():
                if wanted:
                    consumer.handle(wanted)
        except BROKEN:
            raise
        except Exception:  # find out whose fault it is
            _attempt_each(consumer, partition, wanted)
        after = events[-1].position
    checkpoints.put(consumer, partition, upto)


def _handle_then_move(consumer: Consumer, partition: int, turn: Turn, batch: Batch) -> bool:
    """Effects and checkpoint in two transactions; only `manage.py chaos --without checkpoint-with-effects` does this."""
    with unit_of_work():
        consumer.handle([envelope for envelope in batch.events if envelope.name in consumer.handlers])
    with transaction.atomic():
        return checkpoints.move(consumer, partition, turn.position, batch)
