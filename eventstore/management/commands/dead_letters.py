"""manage.py dead_letters: the keys that wait because an event of them failed; look at one, and do something about it."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandError, CommandParser

from eventstore.delivery import consumer_named, groups, letters, repairs
from eventstore.delivery.dry_runs import DryRun, dry_run
from eventstore.delivery.repairs import Acted
from eventstore.errors import Refused
from eventstore.management import VerbDoor
from eventstore.management.arguments import UNSAID, json_file, positive
from eventstore.management.waiting import wait_for
from eventstore.models import ParkedKey
from eventstore.runs import redrive

#: What each verb is for, and what becomes of a key when it went well.
ACTS = {
    "skip": ("Leave its failed event out for good; what waits behind it goes on.", "skipped"),
    "redirect": ("Let another consumer take its failed event, and leave it out here.", "processed"),
    "discard": ("Put it away; its stream stays held, so that nothing is lost.", "discarded"),
    "restore": ("Take a discarded one back.", "restored"),
}
VERBS = ("list", "show", "retry", "edit", *ACTS, "dry-run", "assign")


class Command(VerbDoor):
    help = "The keys that wait because an event of them failed: list them, look at one, try it again, correct it, leave it out."
    example = "dead_letters retry 0192c5… --reason 'the mail server is back'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="|".join(VERBS))
        listing = self.verb(verbs, "list", "What waits, oldest first.", "dead_letters list --groups")
        listing.add_argument("--groups", action="store_true", help="By kind of failure, with the trend of a day.")
        listing.add_argument("--consumer", default="", help="Only of this consumer.")
        listing.add_argument("--state", choices=ParkedKey.State.values, help="Only in this state (retrying and dead).")
        listing.add_argument("--limit", type=positive, default=100, help="So many (100).")
        showing = self.verb(verbs, "show", "One of them: its failures, its payload, what lines up behind.", "dead_letters show 0192c5…")
        retrying = self.verb(verbs, "retry", "Try again now, due or not. Several become a run that is waited for.", self.example)
        editing = self.verb(
            verbs,
            "edit",
            "Give its failed event another payload for this consumer, and try again.",
            "dead_letters edit 0192c5… --data fixed.json",
        )
        trying = self.verb(verbs, "dry-run", "Say what its handler would change, and change nothing.", "dead_letters dry-run 0192c5…")
        for verb in (showing, editing, trying):
            verb.add_argument("id", type=UUID, help="Its id, from the list.")
        for verb in (editing, trying):
            verb.add_argument(
                "--data", type=json_file, required=verb is editing, metavar="FILE|-", help="The payload, a JSON object; - is stdin."
            )
        retrying.add_argument("ids", type=UUID, nargs="*", metavar="ID", help="Their ids, from the list.")
        retrying.add_argument("--group", metavar="FINGERPRINT", help="All that wait because of failures of this kind now.")
        retrying.add_argument("--rate", type=positive, help="Keys a second at most.")
        for name, (help, _) in ACTS.items():
            acting = self.verb(verbs, name, help, f"dead_letters {name} 0192c5…" + " --to orders.desk" * (name == "redirect"))
            acting.add_argument("ids", type=UUID, nargs="+", metavar="ID", help="Their ids, from the list.")
            if name == "redirect":
                acting.add_argument("--to", required=True, metavar="CONSUMER", help="Whose handler takes it.")
            _may_say_why(acting)
            if name != "restore":
                _may_say_which(acting)
        for verb in (retrying, editing):
            _may_say_why(verb)
            _may_say_which(verb)
        assigning = self.verb(
            verbs, "assign", "Say who looks after failures of a kind.", "dead_letters assign 5f3a… --to ada --note 'a typo'"
        )
        assigning.add_argument("fingerprint", help="From list --groups.")
        assigning.add_argument("--to", help="Who; '' is nobody.")
        assigning.add_argument("--note", help="What they found.")

    def _list(self, *, consumer: str, state: str | None, limit: int, **options: Any) -> None:
        if options["groups"]:
            self._list_groups(consumer, limit, as_json=options["json"])
            return
        found = ParkedKey.objects.filter(state__in=[state] if state else ParkedKey.WAITING).order_by("id")
        if consumer:
            # A consumer that the code no longer declares may still have keys that wait.
            found = found.filter(consumer=consumer)
            if not found.exists():
                consumer_named(consumer)
        rows = [letters.show(parked) for parked in letters.with_failures(found)[:limit]]
        if options["json"]:
            self.tell(msgspec.to_builtins(rows))
        elif rows:
            table = [(row.id, row.state, row.consumer, row.key, row.attempts, row.error) for row in rows]
            self.show(table, ("ID", "STATE", "CONSUMER", "KEY", "TRIES", "ERROR"))
        else:
            self.stdout.write("Nothing waits.")

    def _list_groups(self, consumer: str, limit: int, *, as_json: bool) -> None:
        found = [group for group in groups.groups(limit) if consumer in ("", group.consumer)]
        if as_json:
            self.tell(msgspec.to_builtins(found))
        elif found:
            rows = [
                (one.fingerprint, one.open, one.consumer, one.event_name, one.error_class, one.place, sum(one.trend), one.assignee or "-")
                for one in found
            ]
            self.show(rows, ("FINGERPRINT", "WAIT", "CONSUMER", "EVENT", "ERROR", "WHERE", "IN 24 H", "ASSIGNEE"))
        else:
            self.stdout.write("Nothing waits.")

    def _show(self, *, id: UUID, **options: Any) -> None:
        told = msgspec.to_builtins(letters.open_letter(one(id)))
        if options["json"]:
            self.tell(told)
            return
        parts = {"failures": told.pop("failures"), "corrections": told.pop("corrections")}
        for name, value in told.items():
            self.stdout.write(f"{name:<16} {value}")
        for name, listed in parts.items():
            for part in listed:
                self.stdout.write(f"\n{name.removesuffix('s')}")
                for field, value in part.items():
                    self.stdout.write(f"{field:<16} {value}" if field != "traceback" else f"\n{value}")

    def _retry(self, *, ids: list[UUID], group: str | None, reason: str, events: list[UUID], rate: int | None, **options: Any) -> None:
        if bool(ids) == bool(group):
            raise CommandError("Say which: ids from the list, or --group with a fingerprint.", returncode=self.USAGE)
        if group:
            ids = [UUID(id) for id in groups.keys_of(group)]
            if not ids:
                self.found(f"Nothing waits because of {group}; manage.py dead_letters list --groups shows what does.")
        for id in ids:
            one(id)
        if len(ids) == 1 or events:
            self._conclude(repairs.retry(ids, reason, events), "processed", as_json=options["json"])
            return
        run = wait_for(redrive(ids, reason=reason, rate=rate).pk, self, quiet=options["json"])
        became = dict(run.items.values_list("parked_id", "became"))
        keys = dict(ParkedKey.objects.filter(pk__in=ids).values_list("pk", "key"))
        acted = [{"id": id, "key": keys[id], "became": became.get(id, "gone") or "waits", "run": run.pk} for id in ids]
        self._print_acted(acted, as_json=options["json"])
        if run.state != run.State.COMPLETED:
            self.found(f"The run {run.pk} is {run.state}; manage.py replay resume lets it go on.")
        self._judge(acted, "processed")

    def _edit(self, *, id: UUID, data: dict[str, Any], reason: str, events: list[UUID], **options: Any) -> None:
        one(id)
        try:
            correction, acted = repairs.edit(id, data, reason, events)
        except Refused as refusal:
            mistakes = "".join(f"\n  {error['pointer']}: {error['detail']}" for error in refusal.facts.get("errors", ()))
            raise CommandError(f"{refusal}{mistakes}", returncode=self.FAILED) from refusal
        told = msgspec.to_builtins(acted) | {"patch": correction.patch, "outcome": correction.outcome}
        self._print_acted([told], as_json=options["json"])
        self._judge([told], "processed")

    def _skip(self, *, ids: list[UUID], reason: str, events: list[UUID], **options: Any) -> None:
        self._conclude(repairs.skip(_known(ids), reason, events), "skipped", as_json=options["json"])

    def _redirect(self, *, ids: list[UUID], to: str, reason: str, events: list[UUID], **options: Any) -> None:
        self._conclude(repairs.redirect(_known(ids), to, reason, events), "processed", as_json=options["json"])

    def _discard(self, *, ids: list[UUID], reason: str, events: list[UUID], **options: Any) -> None:
        self._conclude(repairs.discard(_known(ids), reason, events), "discarded", as_json=options["json"])

    def _restore(self, *, ids: list[UUID], reason: str, **options: Any) -> None:
        self._conclude(repairs.restore(_known(ids), reason), "restored", as_json=options["json"])

    def _dry_run(self, *, id: UUID, data: dict[str, Any] | None, **options: Any) -> None:
        parked = one(id)
        tried = dry_run(consumer_named(parked.consumer), repairs.failed_event(parked), data)
        if options["json"]:
            self.tell(msgspec.to_builtins(tried))
        else:
            self._print_dry_run(tried)
        if tried.error:
            self.found(f"The handler would fail: {tried.error}")

    def _print_dry_run(self, tried: DryRun) -> None:
        for change in tried.changes:
            self.stdout.write(f"{change.table}: {change.inserted} inserted, {change.updated} updated, {change.deleted} deleted")
            for row in change.rows:
                self.stdout.write(f"  {row}")
        for name in tried.events:
            self.stdout.write(f"It would append {name}.")
        if not (tried.changes or tried.events or tried.error):
            self.stdout.write("It would change nothing.")

    def _assign(self, *, fingerprint: str, to: str | None, note: str | None, **options: Any) -> None:
        group = groups.look_after(fingerprint, assignee=to, note=note)
        if options["json"]:
            self.tell({"fingerprint": group.fingerprint, "assignee": group.assignee, "note": group.note})
        else:
            self.stdout.write(f"{group.assignee or 'Nobody'} looks after {group.fingerprint}. {group.note}".rstrip())

    def _conclude(self, acted: Sequence[Acted], wished: str, *, as_json: bool) -> None:
        told = msgspec.to_builtins(acted)
        self._print_acted(told, as_json=as_json)
        self._judge(told, wished)

    def _print_acted(self, acted: Sequence[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.tell([self._with_error(one) for one in acted])
        else:
            for one in acted:
                self.stdout.write(f"{one['id']} {one['key']}: {one['became']}")

    def _with_error(self, told: dict[str, Any]) -> dict[str, Any]:
        now = letters.show(one(UUID(str(told["id"]))))
        return told | {"state": now.state, "consumer": now.consumer, "attempts": now.attempts, "error": now.error}

    def _judge(self, acted: Sequence[dict[str, Any]], wished: str) -> None:
        if others := [one for one in acted if one["became"] != wished]:
            failed = next((self._with_error(one)["error"] for one in others if one["became"] in ("failed again", "waits")), "")
            why = f" The first: {failed}" if failed else " Gone ones were no longer as they were shown."
            self.found(f"{len(others)} of {len(acted)} were not {wished}.{why}")


def _may_say_why(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", default=UNSAID, help="Kept in the log.")


def _may_say_which(parser: ArgumentParser) -> None:
    help = "Only while this is its failed event: the one you have looked at."
    parser.add_argument("--event", dest="events", type=UUID, nargs="+", action="extend", default=[], metavar="EVENT", help=help)


def _known(ids: list[UUID]) -> list[UUID]:
    for id in ids:
        one(id)
    return ids


def one(id: UUID) -> ParkedKey:
    """Raises CommandError."""
    if (parked := ParkedKey.objects.filter(pk=id).first()) is None:
        raise CommandError(f"No key was ever parked under the id {id}; manage.py dead_letters list shows those that wait.", returncode=2)
    return parked
