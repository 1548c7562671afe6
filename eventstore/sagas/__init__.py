"""Sagas: processes across transactions, told as pure reactions; their commands and deadlines are rows."""

from eventstore.sagas.declarations import Saga, SagaMisdeclared, all_sagas
from eventstore.sagas.dispatching import TROUBLED, carry_out_due, somebody_waits
from eventstore.sagas.events import CommandRefused, CompensationRequested, DeadlinePassed, SagaStepped
from eventstore.sagas.histories import SagaHistory, SagaLine, ToldCommand, ToldStep, history, lines, show_command
from eventstore.sagas.listing import ORDER, about, beyond, place_of
from eventstore.sagas.measures import Measured, Pending, measured, pending, troubled
from eventstore.sagas.memories import SagaMemory, saga_id, sagas
from eventstore.sagas.repairs import close, compensate, foresee, retry, settle
from eventstore.sagas.steps import Step
from eventstore.sagas.timers import fire_due, somebody_is_late

__all__ = [
    "ORDER",
    "TROUBLED",
    "CommandRefused",
    "CompensationRequested",
    "DeadlinePassed",
    "Measured",
    "Pending",
    "Saga",
    "SagaHistory",
    "SagaLine",
    "SagaMemory",
    "SagaMisdeclared",
    "SagaStepped",
    "Step",
    "ToldCommand",
    "ToldStep",
    "about",
    "all_sagas",
    "beyond",
    "carry_out_due",
    "close",
    "compensate",
    "fire_due",
    "foresee",
    "history",
    "lines",
    "measured",
    "pending",
    "place_of",
    "retry",
    "saga_id",
    "sagas",
    "settle",
    "show_command",
    "somebody_is_late",
    "somebody_waits",
    "troubled",
]
