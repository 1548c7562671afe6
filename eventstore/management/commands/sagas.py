"""manage.py sagas: processes across transactions; look at one, try its command again, settle it, have it undo itself, end it."""

from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandError, CommandParser

from eventstore import sagas
from eventstore.management import VerbDoor
from eventstore.management.arguments import positive
from eventstore.models import SagaInstance
from eventstore.sagas import SagaHistory, SagaLine, ToldCommand, ToldStep


class Command(VerbDoor):
    help = "Sagas: those in trouble, what each did step by step, its commands tried again or settled, undone, closed."
    example = "sagas retry 0192c5… --reason 'the ledger is back'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|retry|settle|compensate|close")
        listing = self.verb(verbs, "list", "Those in trouble first. Exit code 3 when --trouble finds one.", "sagas list --trouble")
        listing.add_argument("--trouble", action="store_true", help="Only those that wait for a person.")
        listing.add_argument("--saga", help="Only of this name.")
        listing.add_argument("--key", help="Only about this.")
        listing.add_argument("--status", choices=SagaInstance.Status.values, help="Only in this status.")
        listing.add_argument("--limit", type=positive, default=100, help="So many (100).")
        showing = self.verb(verbs, "show", "One of them, step by step.", "sagas show 0192c5…")
        showing.add_argument("id", type=UUID, help="Its id, from the list.")
        retrying = self.verb(verbs, "retry", "Have a waiting command carried out now.", self.example)
        settling = self.verb(verbs, "settle", "Count a waiting command as done: it is not carried out.", "sagas settle 0192c5… --reason …")
        for verb in (retrying, settling):
            verb.add_argument("id", type=UUID, help="Of the command, from list or show.")
        asking = self.verb(verbs, "compensate", "Ask it to undo what it did.", "sagas compensate 0192c5… --reason …")
        closing = self.verb(verbs, "close", "End it: what waits is not carried out, nothing is undone.", "sagas close 0192c5… --reason …")
        for verb in (asking, closing):
            verb.add_argument("id", type=UUID, help="Of the saga, from the list.")
            verb.add_argument("--version", type=positive, dest="seen", help="Only if this is still its version: the one you looked at.")
        for verb in (retrying, settling, asking, closing):
            verb.add_argument("--reason", required=True, help="Kept in the log.")

    def _list(self, *, trouble: bool, saga: str | None, key: str | None, status: str | None, limit: int, **options: Any) -> None:
        found = SagaInstance.objects.order_by(*sagas.ORDER)
        if key is not None:
            found = found.filter(pk__in=sagas.about([key], saga))
        wanted = {"saga": saga, "status": status, "urgency": 3 if trouble else None}
        found = found.filter(**{name: value for name, value in wanted.items() if value is not None})
        rows = sagas.lines(list(found[:limit]))
        if options["json"]:
            self.tell(msgspec.to_builtins(rows))
        elif rows:
            self.show([_row(row) for row in rows], ("ID", "SAGA", "KEY", "STATUS", "STEPS", "NEXT COMMAND", "TRIES", "NEXT DEADLINE"))
        else:
            self.stdout.write("There are none.")
        if trouble and rows:
            self.found(f"{len(rows)} in trouble. The first: {rows[0].trouble}")

    def _show(self, *, id: UUID, **options: Any) -> None:
        told = sagas.history(one(id))
        if options["json"]:
            self.tell(msgspec.to_builtins(told))
            return
        self._head(told)
        for step in told.story:
            self._step(step, told)

    def _head(self, told: SagaHistory) -> None:
        plain = ("id", "saga", "key", "status", "outcome", "trouble", "correlation", "version", "started_at", "finished_at", "state")
        for name in plain:
            if (value := getattr(told, name)) not in ("", None):
                self.stdout.write(f"{name:<12} {value}")
        if told.steps_left_out:
            self.stdout.write(f"\n{told.steps_left_out} earlier events: manage.py events --stream saga-{told.id}")

    def _step(self, step: ToldStep, told: SagaHistory) -> None:
        late = ", late" if step.late else ""
        self.stdout.write(f"\n{step.at:%Y-%m-%d %H:%M:%S}  {f'step {step.number}{late}: ' if step.number else ''}{step.event.name}")
        if step.event.said:
            self.stdout.write(f"    {step.event.said}")
        for change in step.changes:
            self.stdout.write(f"    {change.path}: {'' if change.kind == 'added' else f'{change.before!r} → '}{change.after!r}")
        for command in (command for command in told.commands if command.step == step.number):
            self._command(command)
        for deadline in (deadline for deadline in told.deadlines if deadline.step == step.number):
            self.stdout.write(f"    waits for {deadline.name} until {deadline.due_at:%Y-%m-%d %H:%M:%S} ({deadline.state})")
        if step.outcome and step.number and not step.late:
            self.stdout.write(f"    over: {step.outcome}")

    def _command(self, command: ToldCommand) -> None:
        self.stdout.write(f"    sent {command.name} {command.id} ({command.state}, {command.attempts} attempts) {command.note}".rstrip())
        for event in command.events:
            self.stdout.write(f"        → {event.name} in {event.stream} version {event.version}")

    def _retry(self, *, id: UUID, reason: str, **options: Any) -> None:
        command = sagas.retry(id, reason)
        self._conclude(sagas.show_command(command), f"{command.name} is due now; a worker carries it out.", **options)

    def _settle(self, *, id: UUID, reason: str, **options: Any) -> None:
        command = sagas.settle(id, reason)
        self._conclude(sagas.show_command(command), f"{command.name} counts as done.", **options)

    def _compensate(self, *, id: UUID, reason: str, seen: int | None, **options: Any) -> None:
        row = sagas.compensate(id, reason, seen)
        self._conclude(
            sagas.lines([one(id)])[0], f"{row.saga} of {row.key} was asked; manage.py sagas show {id} tells what it does.", **options
        )

    def _close(self, *, id: UUID, reason: str, seen: int | None, **options: Any) -> None:
        row = sagas.close(id, reason, seen)
        self._conclude(sagas.lines([one(id)])[0], f"{row.saga} of {row.key} is over: {row.outcome}.", **options)

    def _conclude(self, told: SagaLine | ToldCommand, sentence: str, **options: Any) -> None:
        if options["json"]:
            self.tell(msgspec.to_builtins(told))
        else:
            self.stdout.write(sentence)


def one(id: UUID) -> SagaInstance:
    """Raises CommandError."""
    if (row := SagaInstance.objects.filter(pk=id).first()) is None:
        raise CommandError(f"There is no saga {id}; manage.py sagas list shows them.", returncode=Command.USAGE)
    return row


def _row(line: SagaLine) -> tuple[Any, ...]:
    command, deadline = line.command, line.deadline
    status = "in trouble" if line.trouble else line.outcome or line.status
    waits = f"{deadline.name} {deadline.due_at:%Y-%m-%d %H:%M:%S}" if deadline else "-"
    return (
        line.id,
        line.saga,
        line.key,
        status,
        line.steps,
        f"{command.name} {command.id}" if command else "-",
        command.attempts if command else 0,
        waits,
    )
