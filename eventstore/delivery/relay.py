"""Log to stream: publish what the stream does not have yet, in order; notice what it lost and publish that again.

Next: eventstore/delivery/runner.py takes the events from the stream.
"""

import logging
import time
from collections.abc import Callable
from math import inf
from uuid import UUID

import msgspec
from django.db import connection, transaction

from eventstore.conf import conf
from eventstore.delivery import parking, wakeups
from eventstore.delivery.consumers import Consumer, all_consumers, interested_in
from eventstore.delivery.transports import Published, Top, transport
from eventstore.errors import TransportDown
from eventstore.faults import step
from eventstore.log import read_partition
from eventstore.messages import Envelope
from eventstore.spans import relaying
from eventstore.statements import ask, tell

log = logging.getLogger(__name__)

Wake = Callable[[int, list[Consumer]], object]


class Lane(msgspec.Struct, frozen=True):
    """The relay's view of one partition."""

    partition: int
    position: int  #: the relay's checkpoint
    head: int
    epoch: int
    needed_from: int  #: the lowest checkpoint of all consumers, or what a stream keeps; whoever is further behind reads the log


# SKIP LOCKED saves work; the compare in publish.lua is what makes two relays harmless.
TAKE = """
SELECT r.partition, r.position, p.head, p.epoch,
       greatest(p.head - %s, coalesce(
           (SELECT min(c.position) FROM eventstore_checkpoint c WHERE c.partition = r.partition AND c.until IS NULL), 0))
FROM eventstore_relaycheckpoint r JOIN eventstore_partition p ON p.id = r.partition
WHERE r.partition = %s AND r.stopped = '' AND (r.position < p.head OR %s)
FOR UPDATE OF r SKIP LOCKED
"""


def relay_partition(partition: int, seconds: float = inf, wake: Wake = wakeups.wake_consumers) -> int:
    """Publish what waits in a partition; return how many events went out. What is left after `seconds` is left to the next hint.

    `wake` is told who is interested in the last of them.
    """
    until = time.monotonic() + seconds
    sent = 0
    wakeups.lower([wakeups.relay_flag(partition)])
    while (published := relay_batch(partition, wake)) and published.verdict in ("ok", "hole"):
        sent += published.added
        if time.monotonic() > until:
            break
    return sent


def relay_batch(partition: int, wake: Wake = wakeups.wake_consumers) -> Published | None:
    """Publish one batch; None when nothing waits or another process is at it. After a hole the next batch begins where it is."""
    with transaction.atomic():
        lane = _take(partition, idle=False)
        if lane is None:
            return None
        # One event more in front: its id is what the stream's top must be.
        batch = read_partition(partition, max(lane.position - 1, 0), conf().BATCH + 1)
        previous = batch.pop(0).id if lane.position else None
        published = _publish(lane, batch, previous)
    step("relay.committed")
    if published.verdict == "ok":
        # While there is more to publish, somebody else may begin with what is out.
        tell_them = wake if len(batch) < conf().BATCH else wakeups.wake_consumers
        tell_them(partition, interested_in({envelope.name for envelope in batch}))
    return published


def check_stream(partition: int) -> bool:
    """Compare a stream's top with the log; rewind the checkpoint if the stream lost entries. True when it had."""
    with transaction.atomic():
        lane = _take(partition, idle=True)
        if lane is None:
            return False
        top = transport().top(partition)
        if top.epoch > lane.epoch or (top.epoch == lane.epoch and not _in_the_log(lane, top)):
            _stop(lane, f"the stream's top {top.epoch}-{top.position} ({top.event_id}) is not in the log of epoch {lane.epoch}")
            return False
        return _rewind(lane, top)


def _take(partition: int, *, idle: bool) -> Lane | None:
    row = ask(TAKE, [conf().KEEP_IN_STREAM, partition, idle])
    return Lane(*row) if row else None


def _publish(lane: Lane, batch: list[Envelope], previous: UUID | None) -> Published:
    seed = lane.position <= lane.needed_from
    with relaying(lane.partition, batch):
        published = transport().publish(lane.partition, lane.epoch, batch, previous=previous, seed=seed)
    step("relay.published")
    top = published.top
    if published.verdict == "ok" and top.position > batch[-1].position and not _in_the_log(lane, top):
        # Not another relay that was faster: the batch was refused as a duplicate of what the log lost.
        published = Published("diverged", 0, top)
    if published.verdict == "ok":
        _move(lane, batch[-1].position)
    elif published.verdict == "hole":
        _rewind(lane, top)
    else:
        _stop(lane, f"the stream says {published.verdict}: its top is {top.epoch}-{top.position} ({top.event_id})")
    return published


def _rewind(lane: Lane, top: Top) -> bool:
    """Go back to where the stream ends, or, when it is empty, to what somebody still needs; False when that is not back."""
    kept = top.position if top.epoch == lane.epoch else 0
    back_to = kept or lane.needed_from
    if back_to >= lane.position:
        return False
    log.warning("stream_repair", extra={"partition": lane.partition, "from_position": lane.position, "to_position": back_to})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE eventstore_relaycheckpoint SET position = %s, repairs = repairs + 1 WHERE partition = %s AND position = %s",
            [back_to, lane.partition, lane.position],
        )
    return True


def _move(lane: Lane, position: int) -> None:
    tell(
        """UPDATE eventstore_relaycheckpoint SET position = %s
           FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick
           WHERE partition = %s AND position = %s""",
        [position, lane.partition, lane.position],
    )


def _stop(lane: Lane, reason: str) -> None:
    """Publish nothing more here until an operator raises the epoch: the log was restored to an older point."""
    log.error("relay_stopped", extra={"partition": lane.partition, "reason": reason})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventstore_relaycheckpoint SET stopped = %s WHERE partition = %s", [reason, lane.partition])


def _in_the_log(lane: Lane, top: Top) -> bool:
    """Whether the log has what the stream has. It is read after the stream's top, so whatever was published is committed."""
    if not top.position:
        return True
    found = read_partition(lane.partition, top.position - 1, 1)
    return bool(found) and top.event_id in (None, found[0].id)


class Behind(msgspec.Struct, frozen=True):
    """What the sweep sees of one partition."""

    partition: int
    epoch: int
    relayed: int
    head: int
    consumers: list[str]


def sweep() -> None:
    """Do what lost hints left undone: wake whoever is behind, and look whether Redis lost anything."""
    for lane in _look():
        try:
            # Without a lock, for all is well nearly always: the relay publishes first and then moves its checkpoint.
            top = transport().top(lane.partition)
            suspicious = (top.epoch, top.position) < (lane.epoch, lane.relayed) or top.position > lane.head or top.epoch > lane.epoch
            lost = suspicious and "relay-compare" not in conf().WITHOUT and check_stream(lane.partition)
        except TransportDown as down:
            log.warning("transport_down", extra={"reason": str(down)})
            return
        if lost or lane.relayed < lane.head:
            wakeups.wake_relay([lane.partition])
        wakeups.wake_consumers(lane.partition, [consumer for consumer in all_consumers() if consumer.name in lane.consumers])
    if parking.somebody_is_due():
        wakeups.wake_retries()


def _look() -> list[Behind]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.epoch, r.position, p.head,
                      array(SELECT c.consumer::text FROM eventstore_checkpoint c
                            JOIN eventstore_consumerstate s ON s.name = c.consumer AND s.state = 'running'
                            WHERE c.partition = p.id AND c.position < p.head AND c.until IS NULL)
               FROM eventstore_partition p JOIN eventstore_relaycheckpoint r ON r.partition = p.id
               WHERE r.stopped = '' ORDER BY p.id"""
        )
        return [Behind(*row) for row in cursor.fetchall()]
