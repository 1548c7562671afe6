"""Append: one event a transaction, eight writers, next to a raw INSERT of the same row and to the eventsourcing library."""

from functools import partial

import psycopg
from django.conf import settings

from config.benchmark.crews import Act, Crew
from config.benchmark.examples import order_placed
from config.benchmark.floors import library_appends, raw_inserts
from config.benchmark.measurements import Options, Row, compare
from eventstore.log import NEW, append, unit_of_work
from orders.domain import orders


def measure(options: Options) -> list[Row]:
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(raw_inserts.TABLE)
    library_appends.make_tables()
    jobs = {"ours": prepare, "raw": raw_inserts.prepare, "library": library_appends.prepare}
    with Crew(jobs) as crew:
        ours, raw, library = (partial(crew.rate, job, options.seconds) for job in jobs)
        return [
            compare("append", ours, raw, repeat=options.repeat, unit="events/s", peer="raw INSERT of the same row", wanted=">= 0.8"),
            compare("append_library", ours, library, repeat=options.repeat, unit="events/s", peer="eventsourcing library", wanted=">= 5"),
        ]


def prepare() -> Act:
    """What an app does: a unit of work that appends one event to a new stream. Hints to the relay are sent as always."""

    def act() -> None:
        event = order_placed()
        with unit_of_work():
            append(orders.stream(event.order_id), [event], expected=NEW)

    return act
