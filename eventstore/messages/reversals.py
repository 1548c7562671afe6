"""Reversals: every event says which command of its owner undoes it, or why nothing can.

    @reverses(OrderPlaced)
    def cancel_it(event: OrderPlaced, envelope: Envelope, reason: str) -> CancelOrder: ...

    irreversible(OrderCancelled, because="…; place a new order")

A compensation is pure and only says what is wanted: the owner's own rules may refuse it, and nothing is ever deleted.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from eventstore.errors import NameTaken
from eventstore.messages.commands import Command
from eventstore.messages.events import Event, name_of

Compensate = Callable[..., Command]
F = TypeVar("F", bound=Compensate)


class Reversal(msgspec.Struct, frozen=True):
    """How one kind of event is undone: by the command that `command` makes, or not, because."""

    command: Compensate | None = None
    state_before: bool = False
    blocked_by: frozenset[str] = frozenset()
    undoes: frozenset[str] = frozenset()
    because: str = ""
    in_the_way: bool = True


_reversals: dict[str, Reversal] = {}


def reverses(
    event: type[Event], *, state_before: bool = False, blocked_by: tuple[type[Event], ...] = (), undoes: tuple[type[Event] | str, ...] = ()
) -> Callable[[F], F]:
    """Declare the pure function (event, envelope, reason) -> Command that undoes an event. Raises NameTaken.

    With `state_before` it is (event, envelope, reason, before): the aggregate's state as the event found it.
    `blocked_by` names later events of the same stream that stand on this one: they are reversed first.
    `undoes` names events that it caused and the command takes back as well (as text where the class cannot be imported); every other
    event that it caused is reversed first.
    """

    def register(compensate: F) -> F:
        _keep(
            event,
            Reversal(
                command=compensate,
                state_before=state_before,
                blocked_by=frozenset(name_of(cls)[0] for cls in blocked_by),
                undoes=frozenset(told if isinstance(told, str) else name_of(told)[0] for told in undoes),
            ),
        )
        return compensate

    return register


def irreversible(*events: type[Event], because: str, in_the_way: bool = True) -> None:
    """Declare that events cannot be undone, in a sentence that says what to do instead. Raises NameTaken.

    `in_the_way=False` for what may stay when whatever caused it is reversed, such as an account that opened itself.
    """
    for event in events:
        _keep(event, Reversal(because=because, in_the_way=in_the_way))


def harmless() -> list[str]:
    """The names of events that stand in no reversal's way."""
    return [name for name, reversal in sorted(_reversals.items()) if not reversal.in_the_way]


def reversal_of(name: str) -> Reversal | None:
    """What the running code says about undoing an event of this name; None when it says nothing."""
    return _reversals.get(name)


def _keep(event: type[Event], reversal: Reversal) -> None:
    name = name_of(event)[0]
    taken = _reversals.get(name)
    if taken is not None and _told(taken) != _told(reversal):
        raise NameTaken(name=f"reversal of {name}", owner=_told(taken))
    _reversals[name] = reversal


def _told(reversal: Reversal) -> Any:
    return reversal.because or getattr(reversal.command, "__qualname__", "")
