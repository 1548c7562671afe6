"""A step: what a saga remembers after an event, what it sends, and how long it waits. Pure values."""

from datetime import timedelta
from typing import Any

from msgspec import field

from eventstore.messages import Command, Value


class Step(Value):
    """What follows from an event for a saga.

    `state` is its memory from now on. `commands` are carried out in this order, each once. `deadlines` say by name how long
    to wait from now; a name that waits already is set anew. `cancel` names deadlines that matter no more.
    `finished` says how it ended: its deadlines are then cancelled, no late step sets any, and later events are late. `compensating` marks
    that it is on its way back.
    """

    state: Any
    commands: tuple[Command, ...] = ()
    deadlines: dict[str, timedelta] = field(default_factory=dict)
    cancel: tuple[str, ...] = ()
    finished: str = ""
    compensating: bool = False
