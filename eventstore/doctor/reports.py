"""What one look found."""

from typing import Literal

import msgspec


class Report(msgspec.Struct, frozen=True):
    """A fact, and what to do when it is not as it should be.

    "ok" is as it should be, "advice" works and could be better, "finding" loses or stops something sooner or later.
    """

    what: str
    level: Literal["ok", "advice", "finding"]
    fact: str
    fix: str = ""


def ok(what: str, fact: str) -> Report:
    return Report(what, "ok", fact)


def advice(what: str, fact: str, fix: str) -> Report:
    return Report(what, "advice", fact, fix)


def finding(what: str, fact: str, fix: str) -> Report:
    return Report(what, "finding", fact, fix)


def counted(number: int, noun: str) -> str:
    """1 event, 2 events."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
