"""Rebuild: a read table from the log, next to a loop by hand."""

import time
from collections.abc import Callable

import psycopg
from django.conf import settings

from config.benchmark import histories
from config.benchmark.floors import raw_folds
from config.benchmark.measurements import Options, Row, compare
from eventstore.projections import rebuild

EVENTS_A_SECOND = 10_000  #: so many events make a slice of about the wanted length

#: What both sides must have made of the same events.
DIFFERENT = """
SELECT count(*) FROM (
    (TABLE raw_summary EXCEPT TABLE orders_ordersummary) UNION ALL (TABLE orders_ordersummary EXCEPT TABLE raw_summary)
) AS row
"""


def measure(options: Options) -> list[Row]:
    with psycopg.connect(settings.DATABASE_URL) as session:
        events = histories.fill(session, int(options.seconds * EVENTS_A_SECOND))
        session.execute(raw_folds.TABLE)
        session.commit()

        def rate(fold: Callable[[], int]) -> float:
            begun = time.perf_counter()
            folded = fold()
            seconds = time.perf_counter() - begun
            if folded != events:
                raise RuntimeError(f"{folded} of {events} events were folded.")
            return folded / seconds

        def ours() -> int:
            return rebuild("orders.order_list")

        def by_hand() -> int:
            return raw_folds.rebuild(session)

        for warm_up in (ours, by_hand):
            rate(warm_up)
        row = compare(
            "rebuild",
            lambda: rate(ours),
            lambda: rate(by_hand),
            repeat=options.repeat,
            unit="events/s",
            peer="read, decode, fold and upsert by hand",
            wanted=">= 0.7",
        )
        for (different,) in session.execute(DIFFERENT).fetchall():
            if different:
                raise RuntimeError(f"The two sides differ in {different} rows.")
        return [row]
