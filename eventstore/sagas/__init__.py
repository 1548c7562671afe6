"""Sagas: processes across transactions, told as pure reactions; their commands and deadlines are rows."""

from eventstore.sagas.declarations import Saga, SagaMisdeclared, all_sagas
from eventstore.sagas.dispatching import carry_out_due, somebody_waits
from eventstore.sagas.events import CommandRefused, CompensationRequested, DeadlinePassed, SagaStepped
from eventstore.sagas.memories import SagaMemory, saga_id, sagas
from eventstore.sagas.repairs import close, compensate, retry, settle
from eventstore.sagas.steps import Step
from eventstore.sagas.timers import fire_due, somebody_is_late

__all__ = [
    "CommandRefused",
    "CompensationRequested",
    "DeadlinePassed",
    "Saga",
    "SagaMemory",
    "SagaMisdeclared",
    "SagaStepped",
    "Step",
    "all_sagas",
    "carry_out_due",
    "close",
    "compensate",
    "fire_due",
    "retry",
    "saga_id",
    "sagas",
    "settle",
    "somebody_is_late",
    "somebody_waits",
]
