"""manage.py publish_schemas: compare the events of the running code with what was published, and publish what may be."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from eventstore.management import Door
from eventstore.management.arguments import UNSAID
from eventstore.schemas import (
    Finding,
    Key,
    Offer,
    Published,
    WouldBreakReaders,
    compare,
    examine,
    offers,
    owners,
    publish_all,
    read_shelves,
    write_shelves,
)


class Command(Door):
    help = (
        "Publish the schemas of all events to this database's registry. What was published under a name and version keeps its "
        "meaning for ever; the next version keeps the promise of the event's rule. Exit code 3: something would break a reader, "
        "or, with --check, is not published yet."
    )
    example = "publish_schemas --check"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--check", action="store_true", help="Look, and change nothing.")
        parser.add_argument("--files", action="store_true", help="Against the files that stand beside the code; needs no database.")
        parser.add_argument("--retire", action="store_true", help="Say of what the code knows no more that it goes out no more.")
        parser.add_argument("--reason", default=UNSAID, help="Kept in the log.")

    def handle(self, *args: Any, check: bool, files: bool, retire: bool, reason: str, **options: Any) -> None:
        if files and retire:
            raise CommandError("--retire is for the registry; of the files, remove those that are gone.", returncode=self.USAGE)
        if files:
            shelves = read_shelves()
            made = offers(shelves)
            found = compare(made, {key: Published(schema=schema) for key, schema in shelves.items()})
        else:
            made, found = {}, examine()
        done = 0
        if not check and not any(finding.is_breach for finding in found):
            done = self._write(found, made) if files else self._publish(reason, retire=retire)
            found = [finding for finding in found if finding.kind == "gone" and not retire]
        self._tell(found, done, as_json=options["json"], files=files)
        if found:
            self.found(f"{len(found)} schemas need a look." if len(found) > 1 else "1 schema needs a look.")

    def _write(self, found: Sequence[Finding], made: Mapping[Key, Offer]) -> int:
        wanted = {finding.key: made[finding.key].schema for finding in found if finding.kind != "gone"}
        return len(write_shelves(wanted, owners(made)))

    def _publish(self, reason: str, *, retire: bool) -> int:
        try:
            return len(publish_all(reason, retire=retire))
        except WouldBreakReaders as refusal:  # somebody published meanwhile
            raise CommandError(str(refusal), returncode=self.FINDINGS) from refusal

    def _tell(self, found: Sequence[Finding], done: int, *, as_json: bool, files: bool) -> None:
        if as_json:
            self.tell({"done": done, "findings": [describe(finding) for finding in found]})
            return
        for finding in found:
            style = self.style.ERROR if finding.is_breach else self.style.WARNING
            self.stdout.write(style(f"{finding}:" if finding.problems else f"{finding}."))
            for problem in finding.problems:
                self.stdout.write(f"  {problem.sentence}  ({problem.pointer})")
            if finding.fix:
                self.stdout.write(f"  → {finding.fix}")
        if done:
            self.stdout.write(f"{done} {'written' if files else 'published'}.")
        elif not found:
            self.stdout.write("Everything is published as the code has it.")


def describe(finding: Finding) -> dict[str, Any]:
    problems = [{"pointer": problem.pointer, "sentence": problem.sentence} for problem in finding.problems]
    key = finding.key
    return {"name": key.name, "version": key.version, "form": key.form, "kind": finding.kind, "problems": problems, "fix": finding.fix}
