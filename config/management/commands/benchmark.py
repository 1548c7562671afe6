"""Measure the product next to floors and peers; see config/benchmark/runs.py."""

import sys
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from config.benchmark import reports
from config.benchmark.measurements import Options
from config.benchmark.runs import MEASUREMENTS, run
from config.local.errors import CannotRun

FAILED, USAGE, FINDINGS = 1, 2, 3


class Command(BaseCommand):
    help = "Measure ours and a floor or peer in turns, on servers of its own, and print the ratios."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        usual = Options()
        parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=f"measure only these: {', '.join(MEASUREMENTS)}")
        parser.add_argument("--repeat", type=int, default=usual.repeat, help=f"pairs of slices; their median counts ({usual.repeat})")
        parser.add_argument("--seconds", type=float, default=usual.seconds, help=f"length of a slice ({usual.seconds:g})")
        parser.add_argument("--log-size", type=int, default=usual.log_size, help=f"events in the large log ({usual.log_size})")
        parser.add_argument("--orders", type=Path, metavar="FILE", help="a shop's export, taken in by import_orders")
        parser.add_argument("--strict", action="store_true", help="exit 3 when a ratio is not as wanted")
        parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")

    def handle(self, *args: Any, **given: Any) -> None:
        orders = str(Path(given["orders"]).resolve()) if given["orders"] else ""  # measurements run in another folder
        options = Options(tuple(given["only"]), given["repeat"], given["seconds"], given["log_size"], orders)
        check(options)
        console = Console()
        try:
            result = run(options, tell=(lambda sentence: None) if given["json"] else console.print)
        except CannotRun as sentence:
            raise CommandError(str(sentence), returncode=FAILED) from sentence
        if given["json"]:
            self.stdout.write(msgspec.json.encode(result).decode())
        else:
            reports.show(result, console)
        if given["strict"] and result.missed:
            sys.exit(FINDINGS)


def check(options: Options) -> None:
    """Raises CommandError with what is wrong and what would be right."""
    if unknown := [name for name in options.only if name not in MEASUREMENTS]:
        raise CommandError(f"There is no measurement {', '.join(unknown)}; known: {', '.join(MEASUREMENTS)}.", returncode=USAGE)
    if options.repeat < 1 or options.seconds <= 0 or options.log_size < 1000:
        raise CommandError("--repeat is at least 1, --seconds more than 0, --log-size at least 1000.", returncode=USAGE)
    if "import" in options.only and not options.orders:
        raise CommandError("There is nothing to import; name a shop's export with --orders FILE.", returncode=USAGE)
    if options.orders and not Path(options.orders).is_file():
        raise CommandError(f"There is no file {options.orders}.", returncode=USAGE)
