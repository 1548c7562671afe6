"""manage.py replay NAME: deliver recorded events to a consumer again, as a run that is counted before it starts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandError, CommandParser

from eventstore import runs
from eventstore.delivery import declared_consumer
from eventstore.errors import Refused
from eventstore.management import VerbDoor
from eventstore.management.arguments import UNSAID, moment, positive
from eventstore.management.waiting import wait_for
from eventstore.models import Run
from eventstore.projections import Projection
from eventstore.runs import Blast, Selection, progress_of

State = Run.State
PLAIN_VERBS = {"pause": "Let it rest after its next step.", "resume": "Let it go on where it stood.", "cancel": "End it for good."}
VERBS = ("start", "list", "show", "wait", "approve", *PLAIN_VERBS)


class Command(VerbDoor):
    help = (
        "Deliver recorded events to a consumer again. `replay NAME` starts a run; the other verbs are about runs, rebuilds and redrives "
        "of dead letters included. A worker on the queue runs drives it; --wait drives it here when there is none."
    )
    example = "replay orders.confirmation_mail --since 2026-10-24T08:00Z --effects receipt --dry-run"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        read = parser.parse_args
        # `replay NAME …` is short for `replay start NAME …`.
        parser.parse_args = lambda args=None, namespace=None: read(with_verb(args), namespace)  # type: ignore[method-assign, assignment]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="NAME|" + "|".join(VERBS))
        starting = self.verb(verbs, "start", "Count what would be delivered again, and start.", self.example)
        starting.add_argument("consumer", help="Who is told again; a projection is rebuilt instead, see manage.py rebuild.")
        starting.add_argument("--stream", nargs="+", action="extend", default=[], help="Only these streams.")
        starting.add_argument("--name", nargs="+", action="extend", default=[], help="Only events of these names.")
        starting.add_argument("--since", type=moment, help="Only what was recorded at this time or later, such as 2026-10-24T08:00Z.")
        starting.add_argument("--until", type=moment, help="Only what was recorded before this time.")
        starting.add_argument("--event", type=UUID, nargs="+", action="extend", default=[], help="Only these events, by id.")
        starting.add_argument(
            "--effects", choices=Run.Effects.values, default="deny", help="What becomes of calls to the outside: refused (deny) by default."
        )
        starting.add_argument("--rate", type=positive, help="Events a second at most.")
        starting.add_argument("--reason", default=UNSAID, help="Kept in the log.")
        starting.add_argument("--typed", default="", metavar="NAME", help="The consumer's name once more; demanded for very many events.")
        starting.add_argument("--wait", action="store_true", help="Wait until it is over. Ctrl-C ends the waiting, not the run.")
        starting.add_argument("--dry-run", action="store_true", help="Only count: say what it would touch.")
        listing = self.verb(verbs, "list", "Runs, newest first.", "replay list --state running")
        listing.add_argument("--state", choices=State.values, help="Only in this state.")
        listing.add_argument("--limit", type=positive, default=20, help="So many (20).")
        self._verb_of(verbs, "show", "What a run does and how far it is.")
        self._verb_of(verbs, "wait", "Wait until a run is over; where no worker does, drive it.")
        for name, help in PLAIN_VERBS.items():
            self._verb_of(verbs, name, help).add_argument("--reason", default=UNSAID, help="Kept in the log.")
        approving = self._verb_of(verbs, "approve", "Let a run begin that somebody else started and that moves money.")
        approving.add_argument("--reason", required=True, help="Kept in the log.")

    def _verb_of(self, verbs: Any, name: str, help: str) -> CommandParser:
        parser = self.verb(verbs, name, help, f"replay {name} 0192c5…")
        parser.add_argument("id", type=UUID, help="The run, from the list.")
        return parser

    def _start(self, *, consumer: str, **options: Any) -> None:
        selection = Selection(
            streams=tuple(options["stream"]),
            names=tuple(options["name"]),
            since=options["since"],
            until=options["until"],
            events=tuple(options["event"]),
        )
        if options["dry_run"]:
            base = declared_consumer(consumer)
            target = Run.Target.SHADOW if isinstance(base, Projection) else Run.Target.LIVE
            self._print_blast(runs.measure(base, selection, effects=options["effects"], target=target), as_json=options["json"])
            return
        plan = {name: options[name] for name in ("reason", "effects", "rate", "typed")}
        try:
            run = runs.replay(consumer, selection, **plan)
        except Refused as refusal:
            if "blast" in refusal.facts and not options["json"]:
                self._print_blast(msgspec.convert(refusal.facts["blast"], Blast), as_json=False)
            fix = f" (--typed {consumer})" if refusal.code == "name_must_be_typed" else ""
            raise CommandError(f"{refusal}{fix}", returncode=self.FAILED) from refusal
        if options["wait"] and run.state == State.RUNNING:
            run = wait_for(run.pk, self, quiet=options["json"])
        self._print(run, as_json=options["json"])
        if options["wait"]:
            self._conclude(run)

    def _list(self, *, state: str | None, limit: int, **options: Any) -> None:
        found = Run.objects.order_by("-id")
        listed = list((found.filter(state=state) if state else found)[:limit])
        if options["json"]:
            # Without the row diffs: `show` has them.
            self.tell([{name: fact for name, fact in runs.facts(run).items() if name not in ("blast", "outcome")} for run in listed])
        elif listed:
            rows = [(run.pk, run.state, run.consumer, run.target, run.total, f"{progress_of(run).percent} %", run.reason) for run in listed]
            self.show(rows, ("ID", "STATE", "CONSUMER", "TARGET", "EVENTS", "DONE", "REASON"))
        else:
            self.stdout.write("There are no runs.")

    def _show(self, *, id: UUID, **options: Any) -> None:
        self._print(one(id), as_json=options["json"])

    def _wait(self, *, id: UUID, **options: Any) -> None:
        one(id)
        run = wait_for(id, self, quiet=options["json"])
        self._print(run, as_json=options["json"])
        self._conclude(run)

    def _approve(self, **options: Any) -> None:
        self._change("approve", **options)

    def _pause(self, **options: Any) -> None:
        self._change("pause", **options)

    def _resume(self, **options: Any) -> None:
        self._change("resume", **options)

    def _cancel(self, **options: Any) -> None:
        self._change("cancel", **options)

    def _change(self, verb: str, *, id: UUID, reason: str, **options: Any) -> None:
        one(id)
        self._print(runs.change(id, verb, reason), as_json=options["json"])

    def _conclude(self, run: Run) -> None:
        """The exit code of whoever waited."""
        if run.state == State.WAITING:
            self.found(f"A second person must approve the run: manage.py replay approve {run.pk} --reason …")
        if run.state not in (State.COMPLETED, State.READY):
            self.found(f"The run is {State(run.state).label}.")
        if parked := progress_of(run).parked:
            whose = "" if run.is_redrive else f" --consumer {run.lane}"
            self.found(f"{parked} keys failed and wait: see manage.py dead_letters list{whose}.")

    def _print(self, run: Run, *, as_json: bool) -> None:
        if as_json:
            self.tell(runs.facts(run))
            return
        progress = progress_of(run)
        told = {
            "run": run.pk,
            "state": State(run.state).label,
            "consumer": run.consumer,
            "target": Run.Target(run.target).label,
            "outside effects": Run.Effects(run.effects).label,
            "done": f"{progress.handled} of {progress.total} events ({progress.percent} %), {progress.rate:,.0f} a second",
            "left": f"{progress.eta_seconds:.0f} s" if progress.eta_seconds else "",
            "failed keys": progress.parked or "",
            "started by": run.started_by,
            "approved by": run.approved_by,
            "reason": run.reason,
        }
        for name, value in told.items():
            if value != "":
                self.stdout.write(f"{name:<16} {value}")

    def _print_blast(self, blast: Blast, *, as_json: bool) -> None:
        if as_json:
            self.tell(msgspec.to_builtins(blast))
            return
        self.stdout.write(f"{blast.events} events would be delivered to {blast.consumer} again, in about {blast.seconds} s.")
        self.stdout.write(f"outside effects  {Run.Effects(blast.effects).label}")
        for name, count in blast.by_name.items():
            self.stdout.write(f"{count:>16} {name}")
        for what, names in (("consumers", blast.consumers), ("sagas", blast.sagas), ("leads to", blast.leads_to)):
            if names:
                self.stdout.write(f"{what:<16} {' '.join(names)}")
        if blast.tables:
            self.stdout.write(f"tables           {' '.join(blast.tables)}")
        if blast.events:
            self.stdout.write(f"recorded         {blast.oldest} to {blast.newest}")
        for currency, total in blast.money.items():
            self.stdout.write(f"money            {total} {currency} in minor units")
        if blast.needs_approval:
            self.stdout.write("A second person must approve it: outside effects run again, and they move money.")


def with_verb(words: Sequence[str] | None) -> Sequence[str] | None:
    """The words of a command line with the verb `start`, where no verb is said."""
    if not words or words[0] in (*VERBS, "-h", "--help", "--version"):
        return words
    if words[0].startswith("-") and not set(VERBS).isdisjoint(words):
        return words  # options of every command before the verb
    return ["start", *words]


def one(id: UUID) -> Run:
    """Raises CommandError."""
    if (run := Run.objects.filter(pk=id).first()) is None:
        raise CommandError(f"There is no run {id}; manage.py replay list shows them.", returncode=2)
    return run
