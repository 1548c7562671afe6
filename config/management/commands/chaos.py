"""Break a real shop under load and see whether it keeps its promises; see config/chaos/runs.py."""

import signal
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.chaos import verdicts
from config.chaos.runs import Options, run
from config.local.errors import CannotRun
from eventstore.conf import GUARDS

FAILED, USAGE, FINDINGS = 1, 2, 3


class Command(BaseCommand):
    help = (
        "Start a shop of its own, load it, kill and rob its processes for a while, heal it, and check every promise: "
        "0 kept, 3 broken, 1 the run itself failed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=25, help="how long the faults last (25)")
        parser.add_argument("--seed", type=int, default=1, help="chooses faults and load (1)")
        parser.add_argument("--without", default="", metavar="GUARD[,GUARD…]", help=f"switch guards off on purpose: {', '.join(GUARDS)}")
        parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the clients' histories and the processes' logs here")
        parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        without = tuple(guard.strip() for guard in options["without"].split(",") if guard.strip())
        if unknown := [guard for guard in without if guard not in GUARDS]:
            raise CommandError(f"There is no guard {', '.join(unknown)}; known: {', '.join(GUARDS)}.", returncode=USAGE)
        signal.signal(signal.SIGTERM, _interrupt)
        chosen = Options(seconds=options["seconds"], seed=options["seed"], without=without, keep=options["keep"])
        try:
            verdict = run(chosen, tell=(lambda sentence: None) if options["json"] else self._tell)
        except CannotRun as sentence:
            raise CommandError(str(sentence), returncode=FAILED) from sentence
        self.stdout.write(verdicts.in_json(verdict) if options["json"] else verdicts.in_words(verdict))
        if not verdict.is_sound:
            sys.exit(FINDINGS)

    def _tell(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def _interrupt(number: int, frame: Any) -> None:
    """SIGTERM is Ctrl-C: everything is stopped on the way out."""
    raise KeyboardInterrupt
