"""A rule "B must follow A within T": a consumer whose rows are deadlines.

    unconfirmed = Absence(
        "orders.unconfirmed",
        after=OrderPlaced,
        until=(OrderConfirmed, OrderRejected, OrderCancelled),
        within=timedelta(minutes=15),
        when=lambda event: event.pay_from is not None,
        says="{key} was placed {age} ago and nobody confirmed it.",
    )

Next: eventstore/absences/sweeps.py raises what is due.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from eventstore.absences import memory
from eventstore.absences.clearing import clear
from eventstore.absences.waits import Wait, answer, begin
from eventstore.delivery import Consumer, Retry, all_consumers
from eventstore.messages import Envelope, Event, name_of

Events = type[Event] | tuple[type[Event], ...]
Key = Callable[[Any, Envelope], str | None]


class Absence(Consumer):
    """Raises an alert when no `until` follows an `after` within the time, and clears it when one does.

    Without a `key` both stand in one stream, which is the key. With one they may be anywhere and come in any order; None is
    not ours. `when` says which of the events want an answer. `says` is for people, with {key} and {age} to be filled in.
    The time runs from when an event was recorded, by the clock of the database.
    """

    kind = "absence"
    shares_hint = True

    def __init__(
        self,
        name: str,
        *,
        after: Events,
        until: Events,
        within: timedelta,
        says: str,
        key: Key | None = None,
        when: Callable[[Any], bool] = lambda event: True,
        start: Any = "beginning",
        retry: Retry | None = None,
    ) -> None:
        says.format(key="", age="")  # a placeholder that nobody fills in is told now, not when it is needed
        # Answers of another partition meet the memory of the same key: the steps of all partitions follow each other.
        super().__init__(name, retry=retry, start=start, lanes="one" if key else "partition")
        self.within, self.says = within, says
        self.crosses = key is not None
        self._key: Key = key or (lambda event, envelope: envelope.stream)
        self._when = when
        self.after = _declare(self, after)
        self.until = _declare(self, until)

    def sentence(self, key: str, age: timedelta) -> str:
        """What it says of a key."""
        return self.says.format(key=key, age=in_words(age))

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Take a batch: the memory of its keys in one query, back in one statement."""
        work = []
        for envelope in envelopes:
            event = envelope.event
            key = self._key(event, envelope)
            if key is not None and (envelope.name in self.until or self._when(event)):
                work.append((key, envelope))
        waits = memory.load(self.name, {key for key, _ in work})
        for key, envelope in work:
            before = waits.get(key, Wait())
            waits[key] = after = self._fold(before, envelope)
            if before.alert_id is not None and after.alert_id is None:
                clear(before.alert_id, envelope)
        memory.keep(self.name, waits, answers=self.crosses)

    def _fold(self, wait: Wait, envelope: Envelope) -> Wait:
        if envelope.name in self.after:
            return begin(wait, envelope.recorded_at, envelope.id, self.within)
        return answer(wait, self._answered_at(wait, envelope), self.within)

    def _answered_at(self, wait: Wait, envelope: Envelope) -> datetime:
        """In one stream later is later, whatever the clock of the database was set to meanwhile."""
        return envelope.recorded_at if self.crosses else max(envelope.recorded_at, wait.newest or envelope.recorded_at)


def all_absences() -> list[Absence]:
    """Every rule of the running code, by name."""
    return [consumer for consumer in all_consumers() if isinstance(consumer, Absence)]


def in_words(age: timedelta) -> str:
    """A span of time by its largest unit: 40 seconds, 15 minutes, 3 hours, 2 days."""
    seconds = max(0, round(age.total_seconds()))
    for limit, size, unit in ((120, 1, "second"), (7200, 60, "minute"), (172_800, 3600, "hour")):
        if seconds < limit:
            return _counted(seconds // size, unit)
    return _counted(seconds // 86_400, "day")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _declare(rule: Absence, events: Events) -> frozenset[str]:
    classes = events if isinstance(events, tuple) else (events,)
    rule.on(*classes)(rule.handle)
    return frozenset(name_of(cls)[0] for cls in classes)
