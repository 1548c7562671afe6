"""Commands: intentions that may be refused, with a permanent name each and one function that carries it out."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import msgspec

from eventstore.context import acting
from eventstore.errors import NameTaken, UnknownName, UnregisteredCommand
from eventstore.messages.events import Value

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


class Command(Value, forbid_unknown_fields=True):
    """Something somebody wants. Refuses unknown fields: a misspelt wish is not silently dropped."""


C = TypeVar("C", bound=type[Command])

_classes: dict[str, type[Command]] = {}
_names: dict[type[Command], str] = {}
_handlers: dict[type[Command], Handler] = {}


def command(name: str) -> Callable[[C], C]:
    """Give a command class its permanent name: under it a command waits to be carried out. Raises NameTaken."""

    def register(cls: C) -> C:
        taken = _classes.get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise NameTaken(name=name, owner=f"{taken.__module__}.{taken.__qualname__}")
        _classes[name] = cls
        _names[cls] = name
        return cls

    return register


def handles(*classes: type[Command]) -> Callable[[H], H]:
    """Declare which function carries these commands out, all or nothing, in a unit of work. Raises NameTaken.

    The events that follow from a command carry its name as the fact `command`.
    """

    def register(handler: H) -> H:
        @wraps(handler)
        def carry_out(wanted: Command, *more: Any, **options: Any) -> Any:
            with acting(command=command_name(type(wanted))):
                return handler(wanted, *more, **options)

        for cls in classes:
            taken = _handlers.get(cls)
            if taken is not None and taken.__qualname__ != handler.__qualname__:
                raise NameTaken(name=command_name(cls), owner=f"{taken.__module__}.{taken.__qualname__}")
            _handlers[cls] = carry_out
        return cast(H, carry_out)

    return register


def dispatch(wanted: Command) -> Any:
    """Have a command carried out by whoever handles it; return what that returns. Raises Refused, UnregisteredCommand."""
    try:
        handler = _handlers[type(wanted)]
    except KeyError:
        raise UnregisteredCommand(cls=f"{type(wanted).__module__}.{type(wanted).__qualname__}", lacks="a handler") from None
    return handler(wanted)


def command_name(cls: type[Command]) -> str:
    """The permanent name of a command class. Raises UnregisteredCommand."""
    try:
        return _names[cls]
    except KeyError:
        raise UnregisteredCommand(cls=f"{cls.__module__}.{cls.__qualname__}", lacks="a permanent name") from None


def decode_command(name: str, data: Any) -> Command:
    """A command from its name and the plain values it was kept as. Raises UnknownName, msgspec.ValidationError."""
    if name not in _classes:
        raise UnknownName(kind="command", name=name, known=_classes)
    decoded: Command = msgspec.convert(data, _classes[name])
    return decoded


def registered_commands() -> dict[str, type[Command]]:
    """Every command class of the running code by its permanent name."""
    return dict(sorted(_classes.items()))
