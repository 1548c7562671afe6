"""How far each consumer is, as the console shows it: its state in a word, its share of the log, the size of its tables."""

from typing import Any

import msgspec
from django.db.models import Sum

from eventstore import health, projections
from eventstore.console.lists import estimates
from eventstore.health import ConsumerHealth
from eventstore.models import Partition

#: Seconds that an event may wait without a word: some event always does while orders come in.
CALM = 2.0


class Line(msgspec.Struct):
    """One consumer as the list shows it."""

    health: ConsumerHealth
    events: int  #: in the log
    tables: list[tuple[str, int | None]]  #: with their rows, roughly
    acts: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return self.health.name

    @property
    def state(self) -> str:
        """What staff should know first."""
        told = self.health
        if told.kind == health.GONE:
            return told.kind
        if told.state != "running":
            return told.state
        return "catching up" if told.lag_seconds > CALM else "running"

    @property
    def done(self) -> int:
        return max(0, self.events - self.health.lag_events)

    @property
    def percent(self) -> int:
        """How much of the log it has taken; 100 only when that is all of it."""
        return 100 if not self.health.lag_events else min(99, 100 * self.done // max(1, self.events))


def lines() -> list[Line]:
    """Every consumer, projections first, without its acts."""
    return lines_of(health.consumers(), _events())


def lines_of(found: list[ConsumerHealth], events: int) -> list[Line]:
    """The same from numbers that are at hand already; one query more, for the sizes of the tables."""
    projected = {projection.name: projection.tables for projection in projections.all_projections()}
    rows = estimates([table for tables in projected.values() for table in tables])
    told = [Line(one, events, [(table, rows.get(table)) for table in projected.get(one.name, [])], []) for one in found]
    return sorted(told, key=lambda line: (line.health.kind != "projection", line.name))


def _events() -> int:
    return Partition.objects.aggregate(events=Sum("head"))["events"] or 0
