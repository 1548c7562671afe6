"""Numbers and counts: does one range lie within another? Exact, with fractions instead of floats. Pure."""

from fractions import Fraction
from math import ceil, floor
from typing import Any


def exact(number: float) -> Fraction:
    """A number as it is written in JSON."""
    return Fraction(str(number))


def counts_fit(written: tuple[float, float], read: tuple[float, float]) -> bool:
    """Whether every count that may be written is one that is read."""
    return written[0] >= read[0] and written[1] <= read[1]


def range_fits(written: dict[str, Any], read: dict[str, Any]) -> bool:
    """Whether every number that may be written lies in the reader's range."""
    whole = written.get("type") == "integer"
    return _low_fits(_low(written, whole), _low(read, whole)) and _low_fits(_mirrored(written, whole), _mirrored(read, whole))


def multiples_fit(written: dict[str, Any], read: dict[str, Any]) -> bool:
    """Whether every number that may be written is a multiple of what the reader asks for."""
    wanted = read.get("multipleOf")
    if wanted is None:
        return True
    steps = [exact(written["multipleOf"])] if "multipleOf" in written else []
    steps += [Fraction(1)] if written.get("type") == "integer" else []
    return any((step / exact(wanted)).denominator == 1 for step in steps)


def whole_numbers(schema: dict[str, Any], most: int = 100) -> range | None:
    """The few whole numbers that a range holds; None when they are many."""
    low, high = _low(schema, True), _mirrored(schema, True)
    if low is None or high is None or not 0 <= -high[0] - low[0] < most or "multipleOf" in schema:
        return None
    return range(int(low[0]), int(-high[0]) + 1)


Bound = tuple[Fraction, bool] | None  #: where a range begins, and whether that number is left out


def _low(schema: dict[str, Any], whole: bool) -> Bound:
    closed, open_ = schema.get("minimum"), schema.get("exclusiveMinimum")
    bounds = [(exact(closed), False)] if closed is not None else []
    bounds += [(exact(open_), True)] if open_ is not None else []
    if not bounds:
        return None
    return _whole(max(bounds)) if whole else max(bounds)


def _mirrored(schema: dict[str, Any], whole: bool) -> Bound:
    """The upper bound, seen in a mirror: there it is a lower one."""
    names = {"maximum": "minimum", "exclusiveMaximum": "exclusiveMinimum"}
    turned = {names[key]: -exact(value) for key, value in schema.items() if key in names}
    bounds = [(turned[name], name == "exclusiveMinimum") for name in turned]
    if not bounds:
        return None
    return _whole(max(bounds)) if whole else max(bounds)


def _whole(bound: tuple[Fraction, bool]) -> tuple[Fraction, bool]:
    """The first whole number of a range."""
    number, left_out = bound
    first = floor(number) + 1 if left_out else ceil(number)
    return Fraction(first), False


def _low_fits(written: Bound, read: Bound) -> bool:
    return read is None or (written is not None and written >= read)
