"""manage.py rebuild NAME: fold a read table again from the whole log, in place or beside the live one."""

import time
from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandError, CommandParser

from eventstore import health, runs
from eventstore.errors import Refused
from eventstore.management import Door
from eventstore.management.arguments import UNSAID, past, positive
from eventstore.management.waiting import telling, wait_for
from eventstore.models import Run
from eventstore.projections import catch_up, must_run, projection_named, start_rebuild
from eventstore.runs import Diff, progress_of

#: What is done with a run of before, and then nothing else.
LATER = {
    "approve": "Swap in what was previewed, whatever differs, if that is what you have --seen: your decision, with your --reason.",
    "rollback": "Take a swap back: the old tables are live again and catch up.",
    "throw_away": "Drop the old tables that a swap keeps; there is no rollback then.",
}


class Command(Door):
    help = (
        "Rebuild a projection from the log. Plain: in place, readers see its table grow; interrupted, it goes on by ordinary delivery. "
        "With --shadow, --preview or --swap: beside the live tables, which nobody touches until they are swapped in one transaction. "
        "Exit code 3: rows differ, or a swap was refused because they do."
    )
    example = "rebuild orders.order_list --preview --reason 'the totals were wrong before 1.4'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="The projection; manage.py projections lists them.")
        parser.add_argument("--shadow", action="store_true", help="Fold into tables beside the live ones, and keep them ready.")
        parser.add_argument("--preview", action="store_true", help="The same, and tell row by row what a swap would change.")
        parser.add_argument("--swap", action="store_true", help="The same, and swap them in if only expected rows differ.")
        parser.add_argument(
            "--expect",
            nargs="+",
            action="extend",
            default=[],
            metavar="COLUMN|+|-",
            help="With --swap: columns that may differ, + for rows that appear, - for rows that go.",
        )
        parser.add_argument(
            "--seen",
            default="",
            metavar="DIGEST",
            help="With --approve or --swap: only if rows differ as this preview showed.",
        )
        parser.add_argument(
            "--as-of",
            type=past,
            metavar="POSITION|TIME",
            help="As it was: fold beside up to there, and tell row by row what differed. Never swapped.",
        )
        parser.add_argument("--run", type=UUID, help="Go on with this run instead of beginning one.")
        parser.add_argument("--rate", type=positive, help="Events a second at most, beside the live tables.")
        for name, help in LATER.items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=UUID, metavar="RUN", help=help)
        parser.add_argument("--reason", default="", help="Kept in the log.")

    def handle(self, *args: Any, name: str, reason: str, run: UUID | None, **options: Any) -> None:
        projection_named(name)
        later = [verb for verb in LATER if options[verb]]
        beside = options["shadow"] or options["preview"] or options["swap"] or options["as_of"] or run is not None
        if len(later) + bool(beside) > 1:
            raise CommandError("Say one thing: --approve, --rollback, --throw-away, or a rebuild.", returncode=self.USAGE)
        if options["expect"] and not options["swap"]:
            raise CommandError("--expect belongs to --swap.", returncode=self.USAGE)
        if options["as_of"] and (options["swap"] or run):
            raise CommandError(
                "--as-of begins a look at the past: it is never swapped in, and goes on with no other run.", returncode=self.USAGE
            )
        if options["seen"] and not ((options["swap"] and run) or options["approve"]):
            raise CommandError("--seen belongs to --approve, or to --swap with --run: it names a preview.", returncode=self.USAGE)
        if later:
            self._later(later[0], self._known(name, options[later[0]]), reason, options["seen"], as_json=options["json"])
        elif beside:
            self._beside(name, reason or UNSAID, self._known(name, run) if run else None, options)
        else:
            self._in_place(name, reason or UNSAID, as_json=options["json"])

    def _known(self, name: str, id: UUID) -> Run:
        run = Run.objects.filter(pk=id, consumer=name, target=Run.Target.SHADOW).first()
        if run is None:
            raise CommandError(f"{name} has no rebuild {id}; manage.py replay list shows them.", returncode=self.USAGE)
        return run

    def _later(self, verb: str, run: Run, reason: str, seen: str, *, as_json: bool) -> None:
        told: dict[str, Any] = {"name": run.consumer, "run": run.pk}
        if verb == "approve":
            if not reason.strip():
                raise CommandError("--approve needs --reason: it is your decision, and it stands in the log.", returncode=self.USAGE)
            if not seen:
                raise CommandError("--approve needs --seen: the digest that the preview told.", returncode=self.USAGE)
            told |= {"swapped": True} | msgspec.to_builtins(runs.approve(runs.catch_up(run.pk).pk, reason, seen))
            sentence = f"{run.consumer} was swapped. Not as it should be? manage.py rebuild {run.consumer} --rollback {run.pk}"
        elif verb == "rollback":
            runs.roll_back(run.pk, reason or UNSAID)
            told |= {"swapped": False}
            sentence = f"The tables of before are live again; {run.consumer} catches up."
        else:
            runs.throw_away(run.pk, reason or UNSAID)
            sentence = "The tables of before are gone."
        if as_json:
            self.tell(told)
        else:
            self.stdout.write(sentence)

    def _beside(self, name: str, reason: str, run: Run | None, options: dict[str, Any]) -> None:
        as_json = options["json"]
        begun = time.monotonic()
        run = wait_for((run or self._begin(name, reason, options)).pk, self, quiet=as_json)
        if run.state != Run.State.READY:
            raise CommandError(f"The run {run.pk} is {run.state}; manage.py replay show {run.pk}", returncode=self.FAILED)
        run = runs.catch_up(run.pk)
        progress = progress_of(run)
        told: dict[str, Any] = {"name": name, "run": run.pk, "state": run.state, "events": progress.handled, "parked": progress.parked}
        told["seconds"] = round(time.monotonic() - begun, 3)
        if run.as_of:
            told |= {"as_of": run.as_of, "schema": run.schema, "final": run.selection["past"]["final"]}
        refusal, diff = self._compare(run, reason, options)
        if diff is not None:
            told |= {"swapped": options["swap"] and refusal is None} | msgspec.to_builtins(diff)
        run.refresh_from_db()
        told["state"] = run.state
        if as_json:
            self.tell(told)
        else:
            self.stdout.write(f"{name} is folded beside from {told['events']} events in {told['seconds']:.1f} s.")
            self._print(run, diff, swapped=bool(told.get("swapped")))
        if refusal is not None:
            self.found(f"{refusal} manage.py rebuild {name} --approve {run.pk} --seen {diff.digest if diff else '…'} --reason …")
        if progress.parked:
            self.found(f"{progress.parked} keys failed: manage.py dead_letters list --consumer {name if told.get('swapped') else run.lane}")
        if diff is not None and diff.total and not options["swap"] and not run.as_of:
            self.found(f"{diff.total} rows differ.")

    def _begin(self, name: str, reason: str, options: dict[str, Any]) -> Run:
        if moment := options["as_of"]:
            return runs.rebuild_past(name, moment, reason=reason, rate=options["rate"])
        return runs.rebuild_beside(name, reason=reason, rate=options["rate"])

    def _compare(self, run: Run, reason: str, options: dict[str, Any]) -> tuple[Refused | None, Diff | None]:
        """Preview or swap; a swap that the gate refuses leaves its diff as the preview."""
        if not options["swap"]:
            return None, runs.preview(run.pk) if options["preview"] or run.as_of else None
        try:
            return None, runs.swap(run.pk, reason, options["expect"], seen=options["seen"])
        except Refused as refusal:
            if refusal.code != "undeclared_differences":
                raise
            return refusal, runs.preview(run.pk)

    def _print(self, run: Run, diff: Diff | None, *, swapped: bool) -> None:
        if diff is not None:
            did = "were" if swapped else "would be"
            if run.as_of:
                self.stdout.write(f"As of {run.as_of}, seen from now (live → then):")
            self.stdout.write(f"{diff.added} rows {did} added, {diff.changed} changed, {diff.removed} removed.")
            for column, rows in diff.columns.items():
                self.stdout.write(f"{rows:>10} {column}")
            for row in diff.rows:
                live, shadow = row.live or {}, row.shadow or {}
                values = ", ".join(f"{column} {live.get(column)!r} → {shadow.get(column)!r}" for column in row.columns)
                told = values if row.kind == "changed" else ""
                self.stdout.write(f"{row.kind:<8} {row.key}  {told}  {f'{row.event} {row.event_id}' if row.event else ''}".rstrip())
            if diff.total > len(diff.rows):
                self.stdout.write(f"… and {diff.total - len(diff.rows)} more.")
        if run.as_of:
            sure = "" if run.selection["past"]["final"] else " Not final: a transaction that runs may still record an event before it."
            self.stdout.write(f"Its rows stand in the schema {run.schema}; replay cancel {run.pk} throws them away.{sure}")
        elif swapped:
            self.stdout.write(f"It is live. Not as it should be? manage.py rebuild {run.consumer} --rollback {run.pk}")
        elif run.state == Run.State.READY and diff is None:
            self.stdout.write(f"The run {run.pk} is ready: rebuild {run.consumer} --preview --run {run.pk}, or replay cancel it.")
        elif run.state == Run.State.READY and diff is not None:
            approve = f"rebuild {run.consumer} --approve {run.pk} --seen {diff.digest} --reason …"
            self.stdout.write(f"The run {run.pk} is ready: {approve}, or replay cancel it.")

    def _in_place(self, name: str, reason: str, *, as_json: bool) -> None:
        must_run(name)
        begun = time.monotonic()
        start_rebuild(name, reason)
        with telling(self, name, quiet=as_json) as tell:
            total = catch_up(name, tell)
        seconds = time.monotonic() - begun
        waiting = next(one for one in health.consumers() if one.name == name)
        if as_json:
            told = {"name": name, "events": total, "seconds": round(seconds, 3), "parked": waiting.parked, "dead": waiting.dead}
            self.tell(told)
        else:
            self.stdout.write(f"{name} is folded from {total} events in {seconds:.1f} s ({total / max(seconds, 0.001):,.0f} events/s).")
        if waiting.parked + waiting.dead:
            self.found(f"{waiting.parked + waiting.dead} keys wait because an event of them failed: see manage.py dead_letters list.")
