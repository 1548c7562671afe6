"""Take a shop's export into the books; see orders/channels/imports.py."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from eventstore.errors import EventStoreError
from eventstore.management import at_the_shell
from orders.channels.imports import Progress, import_file
from orders.channels.reports import Report

#: Refused rows that are shown to a person; --json lists all.
SHOWN = 15
AGAIN = "Run it again: it goes on where it stopped."


class Command(BaseCommand):
    help = "Import the invoices and credit notes of an Online Retail export (CSV). Running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen; change nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_shown() as progress, at_the_shell():
                report = import_file(options["file"], dry_run=options["dry_run"], progress=progress)
        except ValueError as error:
            raise CommandError(str(error)) from error
        except (Error, EventStoreError) as error:
            raise CommandError(f"{str(error).strip().rstrip('.')}. {AGAIN}") from error
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {AGAIN}", returncode=130) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json() | {"dry_run": options["dry_run"]}, indent=2, ensure_ascii=False))
        else:
            self.tell(report, options["dry_run"])
        if not report.is_exact:
            raise CommandError("The money does not add up: the orders and the file differ.", returncode=3)

    def tell(self, report: Report, dry_run: bool) -> None:
        """The report for people."""
        told = report.as_json()
        rows = {name.removeprefix("rows_"): count for name, count in told.items() if name.startswith("rows_")}
        total = rows.pop("total")
        money = {name: Decimal(amount).scaleb(-2) for name, amount in told["money"].items() if name not in ("currency", "exact")}
        self.stdout.write(f"{total:,} rows: " + ", ".join(f"{count:,} {kind}" for kind, count in rows.items()) + ".")
        self.stdout.write(
            f"{report.orders_created:,} orders created, {report.orders_known:,} known before, {report.events_appended:,} events."
        )
        self.stdout.write(f"{told['money']['currency']}: " + ", ".join(f"{name} {amount:,.2f}" for name, amount in money.items()) + ".")
        for refused in told["refused"][:SHOWN]:
            self.stdout.write(f"  line {refused['line']}: {refused['reason']}")
        if len(told["refused"]) > SHOWN:
            self.stdout.write(f"  … and {len(told['refused']) - SHOWN:,} more refused rows; --json lists them all.")
        if dry_run:
            self.stdout.write("A dry run: nothing was changed.")


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """A bar on a terminal, else a line every few seconds; on standard error, which leaves the output to machines."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("importing")
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > 2:
            told = time.monotonic()
            print(f"importing: {100 * done // max(total, 1)} %", file=sys.stderr, flush=True)

    yield tell
