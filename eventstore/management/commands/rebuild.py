"""manage.py rebuild NAME: empty a read table and fold it again from the whole log."""

import sys
import time
from typing import Any

from django.core.management.base import CommandParser
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eventstore import health
from eventstore.management import Door
from eventstore.projections import catch_up, must_run, projection_named, start_rebuild

LINE_SECONDS = 5.0  #: between two lines of progress where there is no terminal


class Command(Door):
    help = "Rebuild a projection from the log, in place: readers see its table grow. Interrupted, it goes on by ordinary delivery."
    example = "rebuild orders.order_list --reason 'the totals were wrong before 1.4'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="The projection; manage.py projections lists them.")
        parser.add_argument("--reason", default="asked for on the command line", help="Kept with the rebuild in the log.")

    def handle(self, *args: Any, name: str, reason: str, **options: Any) -> None:
        projection_named(name)
        must_run(name)
        begun = time.monotonic()
        total = start_rebuild(name, reason)
        watch = self._bar if sys.stderr.isatty() and not options["json"] else self._lines
        total = watch(name, total)
        seconds = time.monotonic() - begun
        waiting = next(one for one in health.consumers() if one.name == name)
        if options["json"]:
            told = {"name": name, "events": total, "seconds": round(seconds, 3), "parked": waiting.parked, "dead": waiting.dead}
            self.tell(told)
        else:
            self.stdout.write(f"{name} is folded from {total} events in {seconds:.1f} s ({total / max(seconds, 0.001):,.0f} events/s).")
        if waiting.parked + waiting.dead:
            self.found(f"{waiting.parked + waiting.dead} keys wait because an event of them failed: see manage.py dead_letters list.")

    def _bar(self, name: str, total: int) -> int:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(name, total=total)
            return catch_up(name, lambda done, total: bar.update(task, completed=done, total=total))

    def _lines(self, name: str, total: int) -> int:
        told = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told > LINE_SECONDS:
                told = time.monotonic()
                self.stderr.write(f"{name}: {done} of {total} events ({100 * done // max(total, 1)} %)", self.style.NOTICE)

        return catch_up(name, progress)
