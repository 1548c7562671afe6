"""A moment as somebody asks for it: a version, a position of the log, or a time."""

import re
from datetime import UTC, datetime

from eventstore.conf import conf
from eventstore.errors import EventStoreError
from eventstore.log import Position
from eventstore.messages import Value

_version = re.compile(r"\d{1,9}", re.ASCII)
_time = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
#: What becomes of +09:00 in an address where nobody escaped the plus.
_lost_plus = re.compile(r" (?=\d\d:\d\d\Z)", re.ASCII)


class UnreadableMoment(EventStoreError):
    """{told!r} is no moment: write a version (12), a position (7-1234) or a time with its zone (2026-10-24T08:00:00Z).{why}"""

    def __init__(self, told: str, why: str = "") -> None:
        super().__init__(told=told[:80], why=f" {why}" if why else "")


class Moment(Value):
    """Exactly one of the three."""

    version: int | None = None
    position: Position | None = None
    at: datetime | None = None

    def __str__(self) -> str:
        if self.at is not None:
            return self.at.isoformat()
        return str(self.version if self.position is None else self.position)


def parse(told: str, *, utc: bool = False) -> Moment:
    """A moment from how people and programs write one; with `utc` a time without a zone is UTC. Raises UnreadableMoment."""
    text = _lost_plus.sub("+", told.strip())
    if _version.fullmatch(text):
        return Moment(version=int(text))
    if found := _time.fullmatch(text):
        return Moment(at=_moment(told, found[1].upper(), (found[2] or "").upper(), utc))
    try:
        position = Position.parse(text)
    except ValueError:
        raise UnreadableMoment(told) from None
    if strange := [partition for partition in position.heads if partition >= conf().PARTITIONS]:
        raise UnreadableMoment(told, f"There is no partition {strange[0]} in this log.")
    return Moment(position=position)


def _moment(told: str, local: str, zone: str, utc: bool) -> datetime:
    if not zone and not utc:
        raise UnreadableMoment(told, "The time lacks its zone: Z, or an offset such as +09:00 (in an address %2B09:00).")
    try:
        return datetime.fromisoformat(local + (zone or "Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableMoment(told, "No calendar has that time.") from None
