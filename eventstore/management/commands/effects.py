"""manage.py effects: the calls that left the database; say what became of those whose outcome nobody knows."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from eventstore.context import current_facts
from eventstore.delivery import resolve
from eventstore.management import VerbDoor
from eventstore.management.arguments import json_object, positive
from eventstore.models import Effect

State = Effect.State


class Command(VerbDoor):
    help = "Calls to the outside by their keys: done with a receipt, not done, or unknown, which a person resolves."
    example = "effects resolve charge:order-0192c5 --happened --receipt '{\"charge\": \"ch_9\"}' --reason 'on the provider'\"'\"'s page'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|resolve")
        listing = self.verb(verbs, "list", "Effects, newest first.", "effects list --unknown")
        listing.add_argument("--unknown", action="store_true", help="Only those that nobody knows the outcome of, or that are under way.")
        listing.add_argument("--limit", type=positive, default=100, help="So many (100).")
        resolving = self.verb(verbs, "resolve", "Say whether an unknown one happened.", self.example)
        resolving.add_argument("key", help="Its key, from the list.")
        outcome = resolving.add_mutually_exclusive_group(required=True)
        outcome.add_argument("--happened", action="store_true", help="It did: nobody calls again.")
        outcome.add_argument("--not-done", action="store_true", help="It did not: the next attempt calls.")
        resolving.add_argument("--receipt", type=json_object, help="With --happened: what the call would have returned, a JSON object.")
        resolving.add_argument("--reason", required=True, help="How you know; kept in the log.")

    def _list(self, *, unknown: bool, limit: int, **options: Any) -> None:
        found = Effect.objects.order_by("-begun_at", "key")
        if unknown:
            found = found.filter(state__in=[State.UNKNOWN, State.BEGUN])
        rows = [describe(effect) for effect in found[:limit]]
        if options["json"]:
            self.tell(rows)
        elif rows:
            table = [(row["key"], row["state"], f"{row['begun_at']:%Y-%m-%d %H:%M:%S}", row["actor"], row["note"]) for row in rows]
            self.show(table, ("KEY", "STATE", "BEGUN", "BY", "NOTE"))
        else:
            self.stdout.write("There are none.")

    def _resolve(self, *, key: str, happened: bool, receipt: dict[str, Any] | None, reason: str, **options: Any) -> None:
        if receipt is not None and not happened:
            raise CommandError("--receipt belongs to --happened.", returncode=self.USAGE)
        if not Effect.objects.filter(pk=key).exists():
            raise CommandError(f"There is no effect {key}; manage.py effects list shows them.", returncode=self.USAGE)
        effect = resolve(key, happened=happened, receipt=receipt, by=str(current_facts()["actor"]), note=reason)
        if options["json"]:
            self.tell(describe(effect))
        else:
            self.stdout.write(f"{key} is {State(effect.state).label}. Retry the keys that wait for it: manage.py dead_letters list.")


def describe(effect: Effect) -> dict[str, Any]:
    """One effect, for JSON."""
    return {name: getattr(effect, name) for name in ("key", "state", "receipt", "actor", "event_id", "note", "begun_at", "ended_at")}
