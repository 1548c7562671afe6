"""Rows only: fields, constraints that read as sentences, indexes."""

from eventstore.models.delivery import Checkpoint, ConsumerState, FailedEvent, Heartbeat, ParkedKey, RelayCheckpoint
from eventstore.models.log import Event, Partition

__all__ = [
    "Checkpoint",
    "ConsumerState",
    "Event",
    "FailedEvent",
    "Heartbeat",
    "ParkedKey",
    "Partition",
    "RelayCheckpoint",
]
