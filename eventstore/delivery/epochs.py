"""After the log was restored to an older point: what the streams still hold of what it lost, and a new beginning for them.

A stream of the old epoch would refuse the new events as duplicates. Under a higher epoch every entry stands above all
older ones, so the relay publishes again what somebody still needs, and readers that ask from an epoch-position on see
the new events only. The ghosts, entries that the log does not have, are for people: they are what the restore lost.
"""

from collections.abc import Iterator

from django.db import connection

from eventstore.conf import conf
from eventstore.delivery.transports import transport
from eventstore.events import OPERATIONS, EpochRaised
from eventstore.log import ANY, append, partition_of, unit_of_work
from eventstore.messages import Envelope
from eventstore.models import Event, Partition, RelayCheckpoint


def divergence(partition: int) -> str:
    """Why a stream cannot be one of this log; empty when it can. Raises TransportDown."""
    epoch = Partition.objects.values_list("epoch", flat=True).get(pk=partition)
    top = transport().top(partition)
    if top.epoch < epoch or not top.position:
        return ""
    # The log after the stream: what was published is committed.
    recorded = Event.objects.filter(partition=partition, position=top.position).values_list("id", flat=True).first()
    if top.epoch == epoch and recorded is not None and top.event_id in (None, recorded):
        return ""
    return f"the stream's top {top.epoch}-{top.position} ({top.event_id}) is not in the log of epoch {epoch}"


def ghosts(partition: int) -> Iterator[Envelope]:
    """The entries of a stream's newest epoch that the log does not have, in order. Raises TransportDown."""
    top = transport().top(partition)
    after = 0
    while entries := transport().read(partition, top.epoch, after, conf().BATCH):
        after = entries[-1].position
        span = Event.objects.filter(partition=partition, position__gte=entries[0].position, position__lte=after)
        recorded = set(span.values_list("id", flat=True))
        yield from (entry for entry in entries if entry.id not in recorded)


def raise_epoch(partition: int, reason: str, ghosts: int = 0) -> int:
    """Let a partition's stream begin anew under a higher epoch, and its relay run again; return the epoch. Raises TransportDown.

    Told in the stream `operations`, with the number of ghosts that were found.
    """
    above = transport().top(partition).epoch
    with unit_of_work(), connection.cursor() as cursor:
        # No relay publishes meanwhile, and both heads that this unit changes are taken in the order in which writers take them.
        RelayCheckpoint.objects.select_for_update().get(partition=partition)
        lanes = sorted({partition, partition_of(OPERATIONS)})
        cursor.execute("SELECT 1 FROM eventstore_partition WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [lanes])
        cursor.execute(
            "UPDATE eventstore_partition SET epoch = greatest(epoch, %s) + 1 WHERE id = %s RETURNING epoch, head", [above, partition]
        )
        epoch, head = cursor.fetchone()
        # From the lowest consumer on, as far back as a stream reaches; whoever is further behind reads the log.
        cursor.execute(
            """UPDATE eventstore_relaycheckpoint SET stopped = '', position = least(%s, greatest(%s, coalesce(
                   (SELECT min(position) FROM eventstore_checkpoint WHERE partition = %s), 0)))
               WHERE partition = %s""",
            [head, head - conf().KEEP_IN_STREAM, partition, partition],
        )
        append(OPERATIONS, [EpochRaised(partition=partition, epoch=epoch, ghosts=ghosts, reason=reason)], expected=ANY)
    return int(epoch)
