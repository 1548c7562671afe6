"""What was expected and what happened, field by field, for people who read a failed test."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec


def differences(expected: Any, happened: Any, path: str = "") -> Iterator[str]:
    """Each place where two values differ, as `lines[0].quantity: expected 2, was 3`."""
    if type(expected) is type(happened) and isinstance(expected, msgspec.Struct):
        for field in expected.__struct_fields__:
            yield from differences(getattr(expected, field), getattr(happened, field), f"{path}.{field}" if path else field)
    elif isinstance(expected, dict) and isinstance(happened, dict):
        for key in sorted(expected.keys() | happened.keys(), key=str):
            at = f"{path}[{key!r}]"
            if key not in happened:
                yield f"{at}: expected {expected[key]!r}, was missing"
            elif key not in expected:
                yield f"{at}: was not expected, was {happened[key]!r}"
            else:
                yield from differences(expected[key], happened[key], at)
    elif _is_row(expected) and _is_row(happened):
        for index, (wanted, found) in enumerate(zip(expected, happened, strict=False)):
            yield from differences(wanted, found, f"{path}[{index}]")
        if len(expected) != len(happened):
            yield f"{path}: expected {len(expected)} of them, were {len(happened)}"
    elif expected != happened:
        yield f"{path or 'it'}: expected {expected!r}, was {happened!r}"


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple)


def must_be(expected: Sequence[Any], happened: Sequence[Any], what: str = "event") -> None:
    """Raise AssertionError, telling for each message what is different about it, unless both are the same."""
    if list(expected) == list(happened):
        return
    told = [f"Expected {_count(expected, what)}, and {_count(happened, what)} happened."]
    for number in range(max(len(expected), len(happened))):
        if number >= len(happened):
            told.append(f"{number + 1}. did not happen: {expected[number]!r}")
        elif number >= len(expected):
            told.append(f"{number + 1}. was not expected: {happened[number]!r}")
        elif type(expected[number]) is not type(happened[number]):
            told.append(f"{number + 1}. expected {expected[number]!r}\n   happened {happened[number]!r}")
        elif found := list(differences(expected[number], happened[number])):
            told.append(f"{number + 1}. {type(expected[number]).__name__}")
            told += [f"   {line}" for line in found]
        else:
            told.append(f"{number + 1}. {type(expected[number]).__name__}: as expected")
    raise AssertionError("\n".join(told))


def _count(messages: Sequence[Any], what: str) -> str:
    return f"1 {what}" if len(messages) == 1 else f"{len(messages) or 'no'} {what}s"
