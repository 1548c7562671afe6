"""Sagas: who is in trouble first, what each took, remembered, sent and waits for, step by step; and what staff may do about it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zlib import crc32

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from eventstore import sagas
from eventstore.console.acts import Act, Asked, Outcome
from eventstore.console.formats import moment, pill, shorten
from eventstore.console.lists import Choice, KeysetList
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin, id_in, stream_url
from eventstore.events import OPERATIONS
from eventstore.models import Event, SagaCommand, SagaDeadline, SagaInstance
from eventstore.sagas import SagaHistory, ToldCommand

PERMISSION = "eventstore.change_sagainstance"
TROUBLE = "trouble"

Status = SagaInstance.Status
QUIET = mark_safe('<span class="quiet">–</span>')


class SagaFilter(Choice):
    """Which process."""

    title = "saga"
    parameter_name = "saga"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(saga.name, saga.name) for saga in sagas.all_sagas()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(saga=self.value()) if self.value() else queryset


class StatusFilter(Choice):
    """Who needs a person is a choice of its own."""

    title = "status"
    parameter_name = "status"
    options = ((TROUBLE, "In trouble"), ("open", "Not over"), *Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "":
                return queryset
            case "trouble":
                return queryset.filter(urgency=3)
            case "open":
                return queryset.filter(urgency__gt=0)
            case status:
                return queryset.filter(status=status)


class SagaList(KeysetList):
    """Pages in the order in which people look: by urgency, then the newest first."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        return list(sagas.ORDER)

    def older_rows(self, older: Any, limit: int) -> Sequence[SagaInstance]:
        rows = self.queryset if older is None else sagas.beyond(self.queryset, older)
        return list(rows[:limit])

    def newer_rows(self, newer: Any, limit: int) -> Sequence[SagaInstance]:
        rows = sagas.beyond(self.queryset, newer, before=True)
        return list(rows.order_by(*(name.removeprefix("-") for name in sagas.ORDER))[:limit])

    def key_of(self, row: SagaInstance) -> str:
        return sagas.place_of(row)

    def _key(self, name: str) -> str | None:
        place = self.request.GET.get(name)
        try:
            sagas.beyond(self.queryset, place) if place else None
        except ValueError as error:
            raise IncorrectLookupParameters from error
        return place


@admin.register(SagaInstance)
class SagaAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "w", "Sagas"
    place = 15
    list_display = ("key_", "status_", "saga_", "command_", "deadline_", "steps_number", "age_")
    list_filter = (SagaFilter, StatusFilter)
    search_fields = ("key",)
    search_help_text = "key or id, exactly"

    def badge(self) -> Badge | None:
        troubled = sum(one.troubled for one in sagas.measured())
        return Badge(f"{troubled} in trouble", "bad", "They wait for a person") if troubled else None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetList]:
        return SagaList

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        return (queryset.filter(pk__in=_ids(text)) if text else queryset), False

    def dress(self, rows: list[Any]) -> None:
        for row, line in zip(rows, sagas.lines(rows), strict=True):
            row.line = line

    # The columns

    @admin.display(description="key")
    def key_(self, row: SagaInstance) -> SafeString:
        return format_html('<span title="{}">{}</span>', row.key, shorten(row.key, keep=12))

    @admin.display(description="status")
    def status_(self, row: SagaInstance) -> SafeString:
        return _status(row)

    @admin.display(description="saga")
    def saga_(self, row: SagaInstance) -> str:
        return row.saga

    @admin.display(description="next command")
    def command_(self, row: Any) -> SafeString:
        if row.line.command is None:
            return QUIET
        return format_html("{} {}", row.line.command.name, _tries(row.line.command))

    @admin.display(description="next deadline")
    def deadline_(self, row: Any) -> SafeString:
        if row.line.deadline is None:
            return QUIET
        return format_html('{} <span class="quiet">{}</span>', row.line.deadline.name, moment(row.line.deadline.due_at, relative=True))

    @admin.display(description="steps")
    def steps_number(self, row: SagaInstance) -> int:
        return row.steps

    @admin.display(description="begun")
    def age_(self, row: SagaInstance) -> SafeString:
        return moment(row.started_at, relative=True)

    # One saga

    def pages(self) -> list[Any]:
        return [("<uuid:saga_id>/live/", self.live_view, "eventstore_sagainstance_live")]

    def live_view(self, request: HttpRequest, saga_id: UUID) -> HttpResponse:
        """The page's inside once more, if it is another one by now: a person may be reading it."""
        row = self.get_object(request, str(saga_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            return HttpResponse(headers={"HX-Refresh": "true"})
        if request.GET.get("mark") == _mark(row):
            return HttpResponse(status=204)
        return self.fragment(request, "saga", row=row, **self.detail(request, row))

    def detail(self, request: HttpRequest, row: SagaInstance) -> dict[str, Any]:
        told = sagas.history(row)
        allowed = self.allowed_acts(request, row)
        return {
            "title": f"{row.saga} of {shorten(row.key, keep=12)}",
            "history": told,
            "status": _status(row),
            "steps": _steps(told, allowed),
            "acts": [one for one in allowed if "-" not in one["act"].name],
            "took": (row.finished_at - row.started_at).total_seconds() if row.finished_at else None,
            "led_to": sum(len(command.events) for command in told.commands),
            "stream_url": stream_url(row.stream),
            "newest": told.story[-1] if told.story else None,
            "story": f"{reverse('admin:eventstore_event_changelist')}?q={row.correlation}" if row.correlation else "",
            "staff": Event.objects.filter(stream=OPERATIONS, data__saga_id=str(row.pk)).order_by("-version")[:20],
            "is_live": row.status != Status.FINISHED or told.command is not None,
            "mark": _mark(row),
        }

    def acts(self, row: SagaInstance) -> list[Act]:
        waiting = list(row.commands.filter(state=SagaCommand.State.WAITING).order_by("step", "number"))
        return [*_of_saga(row, waiting), *_of_commands(waiting)]

    def find(self, text: str) -> list[Find]:
        found = SagaInstance.objects.filter(pk__in=_ids(text))
        return [Find("saga", f"{row.saga} of {shorten(row.key)}", self.url_of(row.pk), row.outcome or row.status) for row in found]

    def around(self, stream: str) -> list[Find]:
        found = SagaInstance.objects.filter(pk__in=sagas.about({stream, stream.partition("-")[2]})).order_by("started_at")
        return [Find("saga", row.saga, self.url_of(row.pk), "in trouble" if row.trouble else row.outcome or row.status) for row in found]


def _ids(text: str) -> list[UUID]:
    """The ids of whatever a text names: a saga, or what sagas are about."""
    asked = id_in(text)
    return [*sagas.about({text, str(asked)} if asked else {text}), *([asked] if asked else [])]


def _status(row: SagaInstance) -> SafeString:
    """Its status as a pill; trouble before everything else, and with what it ended."""
    if row.trouble:
        return format_html(
            '<span title="{}">{} <span class="quiet">{}</span></span>', row.trouble, pill("in trouble"), row.outcome or row.status
        )
    return format_html('{} <span class="quiet">{}</span>', pill(row.status), row.outcome) if row.outcome else pill(row.status)


def _tries(command: ToldCommand) -> SafeString:
    """How often it was tried; once is nothing to speak of."""
    if command.attempts < 2:
        return mark_safe("")
    bad = "bad" if command.attempts >= sagas.TROUBLED else "quiet"
    due = moment(command.due_at, relative=True)
    return format_html('<span class="{}">tried {} times</span> <span class="quiet">due {}</span>', bad, command.attempts, due)


def _steps(told: SagaHistory, allowed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each step with what it sent and set; what belongs to no step that is told stands nowhere."""
    commands, deadlines, buttons = defaultdict(list), defaultdict(list), defaultdict(list)
    for one in allowed:
        _, _, command = one["act"].name.partition("-")
        buttons[command].append(one)
    for command in told.commands:
        commands[command.step].append({"command": command, "acts": buttons[str(command.id)]})
    for deadline in told.deadlines:
        deadlines[deadline.step].append(deadline)
    return [
        {
            "told": step,
            # What a memory begins with says nothing while it is empty.
            "changes": [change for change in step.changes if change.kind != "added" or change.after],
            "commands": commands[step.number or -1],
            "deadlines": deadlines[step.number or -1],
        }
        for step in told.story
    ]


def _mark(row: SagaInstance) -> str:
    """What the page shows, in a word: another one when anything of it changes."""
    commands = SagaCommand.objects.filter(saga=row).order_by("pk").values_list("pk", "state", "attempts", "due_at", "note")
    return f"{row.version}-{crc32(repr((row.trouble, row.status, list(commands))).encode()):x}"


def _of_saga(row: SagaInstance, waiting: list[SagaCommand]) -> list[Act]:
    """What may be done to a saga as a whole. Bound to its version: what was shown is what is acted on."""

    def compensate(asked: Asked) -> Outcome:
        sagas.compensate(row.pk, asked.reason, _seen(asked))
        return Outcome(f"{row.saga} was asked to undo what it did. What it decides is its next step.")

    def close(asked: Asked) -> Outcome:
        sagas.close(row.pk, asked.reason, _seen(asked))
        return Outcome(f"{row.saga} of {shorten(row.key)} is closed: nobody waits for it any more.")

    seen, found = str(row.version), []
    if row.status == Status.FINISHED:
        if row.trouble and not waiting:
            effect = "Its end stays as it is; it is in trouble no more. Do this when you have seen to what was refused."
            found.append(Act("close", "Close…", effect, PERMISSION, close, seen=seen))
        return found
    if (wanted := sagas.foresee(row)) is not None and row.status == Status.RUNNING:
        would = f"As it stands, it would send: {', '.join(wanted)}." if wanted else "As it stands, it has nothing to undo by a command."
        effect = f"{row.saga} undoes what it did, and only that. {would} Commands that wait already are carried out first."
        found.append(Act("compensate", "Compensate…", effect, PERMISSION, compensate, seen=seen, grave=True))
    timers = row.deadlines.filter(state=SagaDeadline.State.WAITING).count()
    effect = (
        f"The saga is over for good. {len(waiting)} waiting {'command is' if len(waiting) == 1 else 'commands are'} never carried out, "
        f"{timers} {'deadline is' if timers == 1 else 'deadlines are'} cancelled, and nothing is undone. Events that come later are late."
    )
    return [*found, Act("close", "Close…", effect, PERMISSION, close, seen=seen, grave=True)]


def _of_commands(waiting: list[SagaCommand]) -> list[Act]:
    """What may be done to each command that waits; a later one waits for the first."""
    found = []
    for command in waiting:
        if command == waiting[0]:
            found.append(_retry(command))
        found.append(_settle(command))
    return found


def _retry(command: SagaCommand) -> Act:
    def do(asked: Asked) -> Outcome:
        sagas.retry(command.pk, asked.reason)
        return Outcome(f"{command.name} is due now: the next worker carries it out.")

    tried = f"It was tried {command.attempts} {'time' if command.attempts == 1 else 'times'}. " if command.attempts else ""
    effect = f"{tried}It is carried out now instead of when it is due, once in effect as always."
    return Act(f"retry-{command.pk}", "Retry now…", effect, PERMISSION, do)


def _settle(command: SagaCommand) -> Act:
    def do(asked: Asked) -> Outcome:
        sagas.settle(command.pk, asked.reason)
        return Outcome(f"{command.name} counts as done; it is not carried out.")

    effect = f"You have seen to it in another way: {command.name} is never carried out here and counts as done. The saga goes on."
    return Act(f"settle-{command.pk}", "Settle…", effect, PERMISSION, do, grave=True)


def _seen(asked: Asked) -> int | None:
    return int(asked.seen) if asked.seen.isascii() and asked.seen.isdecimal() else None
