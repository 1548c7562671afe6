"""Rows only: fields, constraints that read as sentences, indexes."""

from eventstore.models.alerts import Alert, Awaited
from eventstore.models.api import ApiKey, IdempotencyKey
from eventstore.models.approvals import Approval
from eventstore.models.delivery import (
    Checkpoint,
    ConsumerState,
    Correction,
    Effect,
    FailedEvent,
    FailureGroup,
    Heartbeat,
    ParkedKey,
    RelayCheckpoint,
)
from eventstore.models.log import Event, Partition
from eventstore.models.reversals import ReversedEvent
from eventstore.models.runs import Run, RunItem
from eventstore.models.sagas import SagaCommand, SagaDeadline, SagaInstance, SagaStep
from eventstore.models.schemas import PublishedSchema

__all__ = [
    "Alert",
    "ApiKey",
    "Approval",
    "Awaited",
    "Checkpoint",
    "ConsumerState",
    "Correction",
    "Effect",
    "Event",
    "FailedEvent",
    "FailureGroup",
    "Heartbeat",
    "IdempotencyKey",
    "ParkedKey",
    "Partition",
    "PublishedSchema",
    "RelayCheckpoint",
    "ReversedEvent",
    "Run",
    "RunItem",
    "SagaCommand",
    "SagaDeadline",
    "SagaInstance",
    "SagaStep",
]
