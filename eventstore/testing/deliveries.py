"""Delivery without waiting: whatever workers and beat would do next, done now in this process."""

from eventstore.delivery import all_consumers, drain, relay_partition, retry_due, transport
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.log import current_position
from eventstore.sagas import carry_out_due, fire_due


def deliver_everything(turns: int = 50) -> int:
    """Relay and consume until nothing waits; return how many events were moved past checkpoints. Parked keys that are due are retried."""
    streams = transport()
    if isinstance(streams, MemoryStreams):
        streams.flush()  # what an earlier test left; the relay notices and starts anew, as it would with an emptied Redis
    moved = 0
    for _ in range(turns):
        step = deliver_once()
        if not step:
            return moved
        moved += step
    raise AssertionError(f"Events still wait after {turns} rounds; does a consumer answer its own events?")


def deliver_once() -> int:
    """One round over all partitions and consumers; return how many events were moved, 0 when nothing waits."""
    moved = 0
    for partition in current_position().heads:
        relay_partition(partition)
        moved += sum(drain(consumer, partition) for consumer in all_consumers())
    return moved + retry_due() + fire_due() + carry_out_due()
