"""Down-converters: the payload of an event version, as the version before would have written it."""

from collections.abc import Callable
from typing import Any

from eventstore.errors import NameTaken

Payload = dict[str, Any]
Downcaster = Callable[[Payload], Payload]

_downcasters: dict[tuple[str, int], Downcaster] = {}


def downcasts(name: str, version: int) -> Callable[[Downcaster], Downcaster]:
    """Declare how a payload of this version becomes one of the version before, for readers who still ask for that. Raises NameTaken."""

    def register(downcaster: Downcaster) -> Downcaster:
        taken = _downcasters.get((name, version))
        if taken is not None and taken.__qualname__ != downcaster.__qualname__:
            raise NameTaken(name=f"{name} version {version}", owner=taken.__qualname__)
        _downcasters[name, version] = downcaster
        return downcaster

    return register


def downcast(name: str, version: int, wanted: int, payload: Payload) -> Payload:
    """Lead a payload from a version down to an earlier one, one step at a time. Raises KeyError where a step is missing."""
    for step in range(version, wanted, -1):
        payload = _downcasters[name, step](payload)
    return payload


def missing_downcasts(name: str, newest: int, wanted: int) -> list[int]:
    """The versions that no down-converter leads down from, on the way from the newest to a wanted one."""
    return [version for version in range(newest, wanted, -1) if (name, version) not in _downcasters]
