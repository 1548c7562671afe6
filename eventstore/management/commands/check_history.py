"""manage.py check_history: does today's code read everything that the log holds?"""

from typing import Any

import msgspec
from django.core.management.base import CommandParser

from eventstore.management import Door
from eventstore.management.arguments import positive
from eventstore.schemas import Looked, check_history

TOLD = 5  #: events of one version that people are told of


class Command(Door):
    help = (
        "Read every version of every event that the log holds, upcast and decode a sample of each (the oldest, the newest, some by "
        "chance), and turn it into every published version. Exit code 3: something does not read. Run it before a deployment goes live."
    )
    example = "check_history --sample 100"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--sample", type=positive, default=20, help="Events of each version to look at (20).")

    def handle(self, *args: Any, sample: int, **options: Any) -> None:
        looked = []
        for each in check_history(sample):
            looked.append(each)
            if not options["json"]:
                self._print(each)
        problems = [problem for each in looked for problem in each.problems]
        if options["json"]:
            self.tell(msgspec.to_builtins(looked))
        if problems:
            self.found(f"{len(problems)} events do not read." if len(problems) > 1 else "1 event does not read.")
        if not options["json"]:
            self.stdout.write("Today's code reads them all." if looked else "The log is empty.")

    def _print(self, looked: Looked) -> None:
        kind = f"{looked.kind.name} version {looked.kind.version}"
        if not looked.problems:
            self.stdout.write(f"{self.style.SUCCESS('ok')}  {kind}: {looked.sampled} looked at")
            return
        self.stdout.write(f"{self.style.ERROR('--')}  {kind}: {len(looked.problems)} of {looked.sampled} do not read")
        for problem in looked.problems[:TOLD]:
            self.stdout.write(f"    {problem}.")
            self.stdout.write(f"    → {problem.fix}")
