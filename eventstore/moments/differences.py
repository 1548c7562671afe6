"""What changed between two states: one line a field, lists by their index. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from eventstore.messages import Value

NOTHING = object()


class Change(Value):
    """One place where two states differ. `kind` is added, removed or changed."""

    path: str
    kind: str
    before: Any = None
    after: Any = None


def differences(before: Any, after: Any, path: str = "") -> list[Change]:
    """Where two JSON values differ, from the top down; a value that came or went whole is one line."""
    return list(_walk(before, after, path))


def _walk(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before is NOTHING:
        yield Change(path=path, kind="added", after=after)
    elif after is NOTHING:
        yield Change(path=path, kind="removed", before=before)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _walk(before.get(name, NOTHING), after.get(name, NOTHING), f"{path}.{name}" if path else str(name))
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for index in range(max(len(before), len(after))):
            yield from _walk(_at(before, index), _at(after, index), f"{path}[{index}]")
    elif type(before) is not type(after) or before != after:
        yield Change(path=path, kind="changed", before=before, after=after)


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else NOTHING
