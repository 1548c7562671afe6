"""Events: immutable facts with a permanent, hand-written name."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, get_args

import msgspec

from eventstore.errors import NameTaken, UnknownEvent, UnknownName, UnregisteredEvent

#: Who must not be broken by the next version of an event: whoever reads it with the schema of before (forward), whoever reads
#: what was recorded before with the schema of now (backward), both (full), or nobody (none).
Compatibility = Literal["backward", "forward", "full", "none"]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class ValueMeta(msgspec.StructMeta):
    """Makes every subclass frozen and keyword-only without saying so each time."""

    def __new__(mcls, *args: Any, **options: Any) -> Any:
        return super().__new__(mcls, *args, **{"frozen": True, "kw_only": True} | options)


class Value(msgspec.Struct, metaclass=ValueMeta):
    """A plain immutable value: part of an event, a command or a state."""


class Event(Value):
    """Something that happened. Tolerates unknown fields, so that older code can read newer writers."""


#: A point in time that names its zone: an RFC 3339 date-time wherever it is written.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

E = TypeVar("E", bound=type[Event])

_classes: dict[str, type[Event]] = {}
_names: dict[type[Event], tuple[str, int]] = {}
_money: dict[str, tuple[str, str]] = {}
_compatibility: dict[str, Compatibility] = {}


def event(
    name: str, version: int = 1, *, money: tuple[str, str] | None = None, compatibility: Compatibility = "forward"
) -> Callable[[E], E]:
    """Give an event class its permanent name and the schema version it is written with. Raises NameTaken, UnknownName.

    `compatibility` is what the next version owes to readers: those outside cannot upcast, so `forward` unless said otherwise.
    `money` names the fields that hold an amount in minor units and its currency, for those who sum up what a run touches.
    """

    if compatibility not in get_args(Compatibility):
        raise UnknownName(kind="rule of compatibility", name=compatibility, known=get_args(Compatibility))

    def register(cls: E) -> E:
        taken = _classes.get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise NameTaken(name=name, owner=f"{taken.__module__}.{taken.__qualname__}")
        _classes[name] = cls
        _names[cls] = (name, version)
        _compatibility[name] = compatibility
        if money is not None:
            _money[name] = money
        return cls

    return register


def name_of(cls: type[Event]) -> tuple[str, int]:
    """The permanent name and schema version of an event class. Raises UnregisteredEvent."""
    try:
        return _names[cls]
    except KeyError:
        raise UnregisteredEvent(cls=f"{cls.__module__}.{cls.__qualname__}") from None


def class_of(name: str, version: int) -> type[Event]:
    """The class that reads a recorded name today. Raises UnknownEvent."""
    try:
        return _classes[name]
    except KeyError:
        raise UnknownEvent(name=name, version=version) from None


def compatibility_of(name: str) -> Compatibility:
    """What the next version of an event owes to readers."""
    return _compatibility.get(name, "forward")


def money_fields() -> dict[str, tuple[str, str]]:
    """Which fields of which events hold an amount and its currency, by event name."""
    return dict(_money)


def registered_events() -> dict[str, type[Event]]:
    """Every event class of the running code by its permanent name."""
    return dict(sorted(_classes.items()))
