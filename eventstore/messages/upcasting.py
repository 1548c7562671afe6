"""Upcasters: the payload of an old event version, as the next version would have written it."""

from collections.abc import Callable
from typing import Any

from eventstore.errors import NameTaken

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]

_upcasters: dict[tuple[str, int], Upcaster] = {}


def upcasts(name: str, version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare how a payload of this version becomes one of the next. Raises NameTaken."""

    def register(upcaster: Upcaster) -> Upcaster:
        taken = _upcasters.get((name, version))
        if taken is not None and taken.__qualname__ != upcaster.__qualname__:
            raise NameTaken(name=f"{name} version {version}", owner=taken.__qualname__)
        _upcasters[name, version] = upcaster
        return upcaster

    return register


def upcast(name: str, version: int, newest: int, payload: Payload) -> Payload:
    """Lead a payload from its recorded version to the newest, one step at a time."""
    for step in range(version, newest):
        if upcaster := _upcasters.get((name, step)):
            payload = upcaster(payload)
    return payload


def missing_steps(name: str, newest: int) -> list[int]:
    """The versions below the newest that no upcaster leads on from."""
    return [version for version in range(1, newest) if (name, version) not in _upcasters]
