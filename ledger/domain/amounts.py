"""Amounts: minor units from the one spelling that every language reads exactly."""

import re

from eventstore.errors import Refused

LONGEST = 30  #: digits of one amount
CEILING = 10**38  #: what a counter stays below: the range of its column

_integer = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)


def minor_units(told: str) -> int:
    """An amount as a number. Raises Refused, with a code for each way to be wrong."""
    shown = told if len(told) <= 40 else f"{told[:40]}…"
    if not _integer.fullmatch(told):
        raise _wrong("amount_not_integer", f'The amount {shown!r} is not whole minor units in plain digits, such as "1999" for 19.99.')
    if told.startswith(("-", "0")):
        raise _wrong("amount_not_positive", f"The amount {shown} is not above zero; the direction is said by the command.")
    if len(told) > LONGEST:
        raise _wrong("amount_out_of_range", f"The amount {shown} has {len(told)} digits; {LONGEST} is the most.")
    return int(told)


def counter(value: int) -> int:
    """A counter's new value. Raises Refused when it would leave its range."""
    if value >= CEILING:
        raise _wrong("amount_out_of_range", "With this amount the account would have turned over 10^38 minor units; no counter holds that.")
    return value


def _wrong(code: str, detail: str) -> Refused:
    return Refused(detail, code=code, status=422)
