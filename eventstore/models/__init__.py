"""Rows only: fields, constraints that read as sentences, indexes."""

from eventstore.models.api import ApiKey, IdempotencyKey
from eventstore.models.delivery import Checkpoint, ConsumerState, FailedEvent, Heartbeat, ParkedKey, RelayCheckpoint
from eventstore.models.log import Event, Partition

__all__ = [
    "ApiKey",
    "Checkpoint",
    "ConsumerState",
    "Event",
    "FailedEvent",
    "Heartbeat",
    "IdempotencyKey",
    "ParkedKey",
    "Partition",
    "RelayCheckpoint",
]
