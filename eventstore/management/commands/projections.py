"""manage.py projections: every read table and how far it is behind."""

from typing import Any

from eventstore import health
from eventstore.management import Door
from eventstore.projections import all_projections


class Command(Door):
    help = "List the projections: tables, state, and how far they are behind the log."
    example = "projections --json"

    def handle(self, *args: Any, **options: Any) -> None:
        tables = {projection.name: projection.tables for projection in all_projections()}
        found = [consumer for consumer in health.consumers() if consumer.name in tables]
        if options["json"]:
            self.tell([describe(consumer, tables[consumer.name]) for consumer in found])
        else:
            rows = [
                (one.name, one.state, one.lag_events, f"{one.lag_seconds:.1f} s", one.parked, one.dead, " ".join(tables[one.name]))
                for one in found
            ]
            self.show(rows, ("PROJECTION", "STATE", "BEHIND", "BY", "RETRYING", "DEAD", "TABLES"))


def describe(consumer: health.ConsumerHealth, tables: list[str]) -> dict[str, Any]:
    return {
        "name": consumer.name,
        "tables": tables,
        "state": consumer.state,
        "lag_events": consumer.lag_events,
        "lag_seconds": round(consumer.lag_seconds, 3),
        "fallbacks": consumer.fallbacks,
        "parked": consumer.parked,
        "dead": consumer.dead,
    }
