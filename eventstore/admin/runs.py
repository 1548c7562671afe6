"""Runs: what is delivered again, to whom, how far it is; and what may become of it: paused, approved, swapped in, taken back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from eventstore import runs
from eventstore.console.acts import Act, Asked, Outcome
from eventstore.console.formats import moment, pill
from eventstore.console.lists import Choice
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin, id_in
from eventstore.delivery import all_consumers
from eventstore.errors import Refused
from eventstore.events import OPERATIONS
from eventstore.models import Event, ParkedKey, Run
from eventstore.runs import Blast, Diff, Selection

PERMISSION = "eventstore.change_run"
SHOWN = 200  #: items and parked keys that the page lists
SLICE = 5.0  #: seconds that somebody who asked for a preview waits for a run to catch up

State = Run.State


class StateFilter(Choice):
    """What is not over is one choice."""

    title = "state"
    parameter_name = "state"
    options = (("open", "Not over"), *State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        asked = self.value()
        if not asked or asked == "all":
            return queryset
        return queryset.filter(state__in=Run.OPEN if asked == "open" else [asked])


class ConsumerFilter(Choice):
    """Whose events come again."""

    title = "consumer"
    parameter_name = "consumer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(consumer.name, consumer.name) for consumer in all_consumers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(consumer=self.value()) if self.value() else queryset


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "u", "Runs"
    place = 20
    list_display = ("consumer_", "state_", "what_", "progress_", "who_", "why_", "age_")
    list_filter = (StateFilter, ConsumerFilter)

    def badge(self) -> Badge | None:
        found = dict(Run.objects.filter(state__in=Run.OPEN).order_by().values_list("state").annotate(Count("pk")))
        title = ", ".join(f"{number} {State(state).label}" for state, number in sorted(found.items()))
        if found.get(State.WAITING):
            return Badge(f"{found[State.WAITING]} to approve", "warn", title)
        if found.get(State.RUNNING):
            return Badge(f"{found[State.RUNNING]} running", "info", title)
        return Badge(str(sum(found.values())), "quiet", title) if found else None

    def dress(self, rows: list[Any]) -> None:
        progress = runs.progress_of_all(rows)
        for row in rows:
            row.progress = progress[row.pk]

    # The columns

    @admin.display(description="consumer")
    def consumer_(self, row: Run) -> SafeString:
        return format_html('<span class="clip short" title="{}">{}</span>', row.consumer, row.consumer)

    @admin.display(description="state")
    def state_(self, row: Run) -> str:
        return pill(row.state)

    @admin.display(description="what")
    def what_(self, row: Run) -> SafeString:
        return format_html('<span title="{}">{}</span>', what(row), what(row).partition(",")[0])

    @admin.display(description="progress")
    def progress_(self, row: Any) -> SafeString:
        told = row.progress
        return format_html(
            '<progress class="meter" max="100" value="{}" aria-label="Done">{} %</progress> <span class="quiet">{} / {}</span>{}',
            told.percent,
            told.percent,
            f"{told.handled:,}",
            f"{told.total:,}",
            format_html(' <b class="bad">{} parked</b>', told.parked) if told.parked else "",
        )

    @admin.display(description="who")
    def who_(self, row: Run) -> str:
        return row.started_by

    @admin.display(description="why")
    def why_(self, row: Run) -> SafeString:
        return format_html('<span class="clip short" title="{}">{}</span>', row.reason, row.reason)

    @admin.display(description="begun")
    def age_(self, row: Run) -> SafeString:
        return moment(row.created_at, relative=True)

    # One run

    def pages(self) -> list[Any]:
        return [("<uuid:run_id>/live/", self.live_view, "eventstore_run_live")]

    def live_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """How far it is, for the page that shows it already; when its state is another one, the whole page is asked for again."""
        row = self.get_object(request, str(run_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None or row.state != request.GET.get("state"):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return self.fragment(request, "progress", row=row, progress=runs.progress_of(row))

    def detail(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        told = Event.objects.filter(stream=OPERATIONS, data__run_id=str(row.pk)).order_by("-version")
        return {
            "title": row.consumer,
            "what": what(row),
            "progress": runs.progress_of(row),
            "blast": None if row.is_redrive else msgspec.convert(row.blast, Blast),
            "selection": None if row.is_redrive else msgspec.convert(row.selection, Selection),
            "items": list(row.items.select_related("parked").order_by("parked_id")[:SHOWN]) if row.is_redrive else [],
            "became": dict(row.items.order_by().values_list("became").annotate(Count("pk"))) if row.is_redrive else {},
            "parked": list(ParkedKey.objects.filter(consumer=row.lane, state__in=ParkedKey.HELD).order_by("-pk")[:SHOWN]),
            "diff": msgspec.convert(row.outcome["diff"], Diff) if "diff" in row.outcome else None,
            "declared": {consumer.name for consumer in all_consumers()},
            "told": told[:20],
            "is_live": row.state in (State.RUNNING, State.PAUSED, State.WAITING),
            "shown": SHOWN,
        }

    def acts(self, row: Run) -> list[Act]:
        return [*_of_shadow(row), *_verbs(row)]

    def find(self, text: str) -> list[Find]:
        asked = id_in(text.removeprefix("run:"))
        found = Run.objects.filter(pk=asked) if asked else []
        return [Find("run", f"{what(run)} {run.consumer}", self.url_of(run.pk), run.state) for run in found]


def what(run: Run) -> str:
    """What kind of second delivery it is, in a few words."""
    if run.is_redrive:
        return "keys retried"
    if run.as_of:
        return f"as of {run.as_of}"
    if run.target == Run.Target.SHADOW:
        return "rebuild beside"
    return {"run": "replay, effects run again", "deny": "replay, effects refused"}.get(run.effects, "replay, effects answered by receipts")


def _verbs(row: Run) -> list[Act]:
    """What is possible in its state, for every kind of run."""

    def act(verb: str, label: str, effect: str, told: str, **more: Any) -> Act:
        def do(asked: Asked) -> Outcome:
            runs.change(row.pk, verb, asked.reason)
            return Outcome(told)

        return Act(verb, label, effect, PERMISSION, do, **more)

    left = "What was delivered stays delivered; nothing more is."
    if row.target == Run.Target.SHADOW:
        left = "Its tables are thrown away; the live ones were never touched."
    label = "Throw away…" if row.state == State.READY else "Cancel…"
    cancel = act("cancel", label, f"The run is over for good. {left}", "It is cancelled.", grave=True)
    if row.state == State.WAITING:
        effect = f"{row.total:,} events go to {row.consumer} again, with their outside effects. {row.started_by} asked for it."
        return [act("approve", "Approve…", effect, "It is approved and runs.", grave=True, typed=row.consumer), cancel]
    if row.state == State.RUNNING:
        return [act("pause", "Pause…", "It rests after its current batch, and goes on from there when it is resumed.", "It rests."), cancel]
    if row.state == State.PAUSED:
        return [act("resume", "Resume…", "It goes on where it stands.", "It goes on."), cancel]
    return [cancel] if row.state == State.READY else []


def _of_shadow(row: Run) -> list[Act]:
    """Looking at what a rebuild beside would change, letting it go live, and taking that back."""
    if row.target != Run.Target.SHADOW:
        return []
    if row.state == State.READY:
        looked = "diff" in row.outcome
        effect = f"{row.consumer} stands still for a moment while the last events are folded and all rows are compared. Nothing changes."
        preview = Act("preview", "Preview again" if looked else "Preview", effect, PERMISSION, lambda asked: _preview(row), reasoned=False)
        return [_approve(row), preview] if looked and not row.as_of else [preview]
    if row.state != State.COMPLETED or row.outcome.get("stood") is None:
        return []
    aside = "The new tables" if row.outcome.get("rolled_back") else "The old tables"

    def throw(asked: Asked) -> Outcome:
        runs.throw_away(row.pk, asked.reason)
        return Outcome(f"{aside} are gone.")

    gone = f"{aside} are dropped; from then on there is no way back."
    found = [Act("throw", "Throw kept tables away…", gone, PERMISSION, throw, grave=True)]
    if row.outcome.get("swapped"):

        def back(asked: Asked) -> Outcome:
            runs.roll_back(row.pk, asked.reason)
            return Outcome(f"The old tables of {row.consumer} are live again and catch up.")

        effect = (
            f"The tables that were live before the swap are live again. {row.consumer} goes back to where it stood then and catches up."
        )
        found.insert(0, Act("back", "Roll back…", effect, PERMISSION, back, grave=True, typed=row.consumer))
    return found


def _preview(row: Run) -> Outcome:
    """A person waits: what a worker has not folded yet is folded for some seconds, else they are asked to come back."""
    if runs.look_ahead(row) > runs.NEAR:
        runs.drive(row.pk, seconds=SLICE)
    if (left := runs.look_ahead(row)) > runs.NEAR:
        raise Refused(f"{left:,} events were recorded since it began and are being folded. Try again in a moment.", code="catching_up")
    diff = runs.preview(row.pk)
    if not diff.total:
        return Outcome("No row differs: a swap would change nothing that readers see.")
    return Outcome(f"{diff.total:,} rows differ: {diff.added:,} added, {diff.changed:,} changed, {diff.removed:,} removed. They are below.")


def _approve(row: Run) -> Act:
    def do(asked: Asked) -> Outcome:
        diff = runs.approve(row.pk, asked.reason, asked.seen)
        return Outcome(f"The new tables of {row.consumer} are live: {diff.total:,} rows changed. The old ones are kept for a rollback.")

    diff = msgspec.convert(row.outcome["diff"], Diff)
    effect = (
        f"In one transaction the tables of {row.consumer} are exchanged: {diff.added:,} rows appear, {diff.changed:,} change, "
        f"{diff.removed:,} go, and whatever was recorded since the preview. The old tables are kept for a rollback."
    )
    return Act("swap", "Approve and swap…", effect, PERMISSION, do, seen=diff.digest, grave=True, typed=row.consumer)


def of_consumer(name: str, limit: int = 10) -> Sequence[Run]:
    """The newest runs of a consumer, with their progress."""
    found: list[Any] = list(Run.objects.filter(consumer=name).order_by("-pk")[:limit])
    progress = runs.progress_of_all(found)
    for run in found:
        run.progress, run.what = progress[run.pk], what(run)
    return found
