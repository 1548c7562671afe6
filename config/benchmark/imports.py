"""Import: a shop's export made into orders, next to parsing the same file and doing nothing with it."""

import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection
from msgspec.structs import replace

from config.benchmark.floors import raw_parses
from config.benchmark.measurements import Options, Row, compare
from orders.channels.imports import import_file
from orders.channels.reports import Report

TURNS = 3  #: at most: a whole file is a long slice

#: Before each turn: an order that is known already is no work. The database is the benchmark's own, and this transaction says so.
EMPTY = """
SELECT set_config('daybook.log_may_be_emptied', 'on', true);
TRUNCATE eventstore_event, orders_order;
UPDATE eventstore_partition SET head = 0
"""


def measure(options: Options) -> list[Row]:
    if not options.orders:
        raise ValueError("There is nothing to import; name a shop's export with --orders FILE.")
    path = Path(options.orders)
    report = Report()

    def take_in() -> int:
        nonlocal report
        report = import_file(path)
        return report.rows_total

    def ours() -> float:
        with connection.cursor() as cursor:
            cursor.execute(EMPTY)
        return rate(take_in)

    def by_hand() -> float:
        return rate(lambda: raw_parses.parse(path))

    row = compare("import", ours, by_hand, repeat=min(options.repeat, TURNS), unit="rows/s", peer="parsing alone")
    if not report.is_exact:
        raise RuntimeError("The money of the import does not add up.")
    made = f"{report.rows_total:,} rows made {report.orders_created:,} orders and {report.events_appended:,} events"
    return [replace(row, peer=f"parsing alone; {made}")]


def rate(take: Callable[[], int]) -> float:
    begun = time.perf_counter()
    rows = take()
    return rows / (time.perf_counter() - begun)
