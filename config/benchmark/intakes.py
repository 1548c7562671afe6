"""Taking in a shop's whole export, next to reading the same file with the csv module and doing nothing with it."""

import csv
import time
from pathlib import Path

from config.benchmark.measurements import Options, Row
from orders.channels.imports import import_file

PEER = "csv parsing alone, rows/s"


def measure(options: Options) -> list[Row]:
    """Once: a second import of the same file finds everything done."""
    file = Path(options.orders)
    begun = time.perf_counter()
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        parsed = sum(1 for _ in csv.reader(lines)) - 1
    parsing = time.perf_counter() - begun
    begun = time.perf_counter()
    told = import_file(file).as_json()
    seconds = time.perf_counter() - begun

    def row(name: str, count: int, unit: str) -> Row:
        ours, against = count / seconds, parsed / parsing
        return Row(name=name, ours=ours, against=against, unit=unit, ratio=ours / against, peer=PEER)

    return [row("import", told["rows_total"], "rows/s"), row("import_events", told["events_appended"], "events/s")]
