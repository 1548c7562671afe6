"""manage.py reverse EVENT_ID: have an event taken back by a command of its owner, or see what that would do."""

from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandError, CommandParser

from eventstore.errors import Refused
from eventstore.management import Door
from eventstore.reversing import Plan, rehearse, reverse


class Command(Door):
    help = (
        "Reverse an event: its owner's compensating command is carried out once, and the events that follow point back. "
        "Exit code 1: it was refused, and why. 3: --dry-run found that it would be."
    )
    example = "reverse 0192f3c4-… --reason 'placed twice' --dry-run"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("event", type=UUID, help="The id of the event; manage.py events lists them.")
        parser.add_argument("--reason", default="", help="Kept in the history for whoever asks later.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would follow, and change nothing.")

    def handle(self, *args: Any, event: UUID, reason: str, dry_run: bool, **options: Any) -> None:
        if dry_run:
            self._rehearse(rehearse(event, reason), as_json=options["json"])
            return
        if not reason.strip():
            raise CommandError("Say --reason: it stands in the history for whoever asks later.", returncode=self.USAGE)
        try:
            done = reverse(event, reason)
        except Refused as refusal:
            if options["json"]:
                self.tell({"refused": refusal.code, "detail": str(refusal)} | msgspec.to_builtins(refusal.facts))
            raise
        if options["json"]:
            self.tell(msgspec.to_builtins(done))
            return
        self.stdout.write(f"{done.command} reversed it.")
        for event_id, name in zip(done.reversed_by, done.follows, strict=True):
            self.stdout.write(f"  {name} {event_id}")

    def _rehearse(self, plan: Plan, *, as_json: bool) -> None:
        if as_json:
            told = {name: getattr(plan, name) for name in ("command", "wanted", "follows", "dependents", "why_not", "code")}
            self.tell({"event_id": str(plan.event.id), "name": plan.event.name} | msgspec.to_builtins(told))
        else:
            self.stdout.write(f"{plan.event.name}, version {plan.event.version} of {plan.event.stream}")
            if plan.command:
                self.stdout.write(f"by {plan.command} {msgspec.json.encode(plan.wanted).decode()}")
            for name in plan.follows:
                self.stdout.write(f"  {name} would follow")
        if plan.why_not:
            self.found(plan.why_not)
