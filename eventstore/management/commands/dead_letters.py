"""manage.py dead_letters: the keys that wait because an event of them failed; look at one, try it again."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from eventstore.delivery import consumer_named, reached, retry_now
from eventstore.delivery.parking import waiting_events
from eventstore.management import Door
from eventstore.models import FailedEvent, ParkedKey

MOST = 1000  #: followers counted


class Command(Door):
    help = "List the keys that wait because an event of them failed, show one, or try it again now."
    example = "dead_letters retry 0192c5… --reason 'the mail server is back'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|retry")
        listing = verbs.add_parser("list", help="What waits, oldest first.")
        listing.add_argument("--consumer", default="", help="Only of this consumer.")
        listing.add_argument("--state", choices=ParkedKey.State.values, help="Only in this state (retrying and dead).")
        listing.add_argument("--limit", type=int, default=100, help="So many (100).")
        showing = verbs.add_parser("show", help="One of them, with its failures and what lines up behind.")
        retrying = verbs.add_parser("retry", help="Try it again now, due or not.")
        retrying.add_argument("--reason", default="asked for on the command line", help="Kept in the log.")
        for verb in (showing, retrying):
            verb.add_argument("id", type=UUID, help="Its id, from the list.")
        for verb in (listing, showing, retrying):
            verb.add_argument("--json", action="store_true", help="For machines: JSON on stdout.")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(**options)

    def _list(self, *, consumer: str, state: str | None, limit: int, **options: Any) -> None:
        found = ParkedKey.objects.filter(state__in=[state] if state else ParkedKey.WAITING).order_by("id")
        if consumer:
            # A consumer that the code no longer declares may still have keys that wait.
            found = found.filter(consumer=consumer)
            if not found.exists():
                consumer_named(consumer)
        rows = [describe(parked) for parked in found[:limit]]
        if options["json"]:
            self.tell(rows)
        elif rows:
            table = [(row["id"], row["state"], row["consumer"], row["key"], row["attempts"], row["error"]) for row in rows]
            self.show(table, ("ID", "STATE", "CONSUMER", "KEY", "TRIES", "ERROR"))
        else:
            self.stdout.write("Nothing waits.")

    def _show(self, *, id: UUID, **options: Any) -> None:
        parked = one(id)
        followers = waiting_events(parked, reached(parked.consumer).heads.get(parked.partition, 0), MOST + 1)[1:]
        told = describe(parked) | {
            "followers": len(followers),
            "failures": [
                {
                    "event_id": str(failure.event_id),
                    "event": failure.event_name,
                    "position": f"{parked.partition}-{failure.position}",
                    "error": f"{failure.error_class}: {failure.message}",
                    "traceback": failure.traceback,
                    "code_version": failure.code_version,
                    "attempts": failure.attempts,
                    "first_failed_at": failure.first_failed_at,
                    "last_failed_at": failure.last_failed_at,
                }
                for failure in parked.failures.order_by("id")
            ],
        }
        if options["json"]:
            self.tell(told)
            return
        failures = told.pop("failures")
        for name, value in told.items():
            self.stdout.write(f"{name:<16} {value}")
        for failure in failures:
            self.stdout.write("")
            for name, value in failure.items():
                self.stdout.write(f"{name:<16} {value}" if name != "traceback" else f"\n{value}")

    def _retry(self, *, id: UUID, reason: str, **options: Any) -> None:
        parked = one(id)
        consumer_named(parked.consumer)
        handled = retry_now(parked, reason)
        parked.refresh_from_db()
        if options["json"]:
            self.tell(describe(parked) | {"handled": handled})
        else:
            self.stdout.write(f"{handled} events took effect; key {parked.key} is {parked.state} for {parked.consumer}.")
        if parked.state in ParkedKey.WAITING:
            self.found(f"It failed again: {describe(parked)['error']}")


def one(id: UUID) -> ParkedKey:
    """Raises CommandError."""
    if (parked := ParkedKey.objects.filter(pk=id).first()) is None:
        raise CommandError(f"No key was ever parked under the id {id}; manage.py dead_letters list shows those that wait.", returncode=2)
    return parked


def describe(parked: ParkedKey) -> dict[str, Any]:
    """One line about a parked key, with its last failure."""
    last: FailedEvent | None = parked.failures.order_by("last_failed_at").last()
    return {
        "id": str(parked.pk),
        "state": parked.state,
        "consumer": parked.consumer,
        "key": parked.key,
        "position": f"{parked.partition}-{parked.position}",
        "attempts": parked.attempts,
        "next_attempt_at": parked.next_attempt_at,
        "parked_at": parked.parked_at,
        "error": f"{last.error_class}: {last.message}" if last else "",
    }
