"""What should have followed and did not: alerts, those that are open first; and what somebody knows about them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from eventstore import absences, health
from eventstore.console.acts import Act, Asked, Field, Outcome
from eventstore.console.formats import moment, pill, shorten
from eventstore.console.lists import Choice
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin
from eventstore.models import Alert, Event

PERMISSION = "eventstore.change_alert"

State = Alert.State


class StateFilter(Choice):
    """What is open, unless asked otherwise."""

    title = "state"
    parameter_name = "state"
    default = "open"
    options = ((State.OPEN.value, "Open"), (State.CLEARED.value, "Cleared"))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.value() == "all" else queryset.filter(state=self.value())


class RuleFilter(Choice):
    """Whose alerts."""

    title = "rule"
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(rule.name, rule.name) for rule in absences.all_absences()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(rule=self.value()) if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "l", "Alerts"
    place = 25
    list_display = ("says_", "state_", "rule_", "since_", "raised_", "known_", "cleared_")
    list_filter = (StateFilter, RuleFilter)
    search_fields = ("key",)
    search_help_text = "key, such as order-0192…"

    def badge(self) -> Badge | None:
        found = health.alerts()
        if found.unseen:
            return Badge(str(found.unseen), "bad", f"{found.unseen} open that nobody has acknowledged, {found.open} in all")
        return Badge(str(found.open), "warn", f"{found.open} open, all acknowledged") if found.open else None

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        return (queryset.filter(key=text) if text else queryset), False

    # The columns

    @admin.display(description="what is missing")
    def says_(self, row: Alert) -> str:
        return format_html('<span class="sentence" title="{}">{}</span>', row.says, shorten(row.says))

    @admin.display(description="state")
    def state_(self, row: Alert) -> str:
        return state_pill(row)

    @admin.display(description="rule")
    def rule_(self, row: Alert) -> str:
        return row.rule

    @admin.display(description="waits since")
    def since_(self, row: Alert) -> str:
        return moment(row.since, relative=True)

    @admin.display(description="raised")
    def raised_(self, row: Alert) -> str:
        return moment(row.raised_at, relative=True)

    @admin.display(description="acknowledged")
    def known_(self, row: Alert) -> str:
        return format_html('<span class="clip short" title="{}">{}</span>', row.note, f"{row.acknowledged_by} {row.note}".strip())

    @admin.display(description="cleared")
    def cleared_(self, row: Alert) -> str:
        return moment(row.cleared_at, relative=True)

    # One alert

    def detail(self, request: HttpRequest, row: Alert) -> dict[str, Any]:
        events = Event.objects.in_bulk([key for key in (row.event_id, row.cleared_by) if key])
        return {
            "title": shorten(row.says),
            "state": state_pill(row),
            "cause": events.get(row.event_id),
            "answer": events.get(row.cleared_by) if row.cleared_by else None,
            "is_declared": row.rule in {rule.name for rule in absences.all_absences()},
            "told": Event.objects.filter(stream=row.stream).order_by("version"),
        }

    def acts(self, row: Alert) -> list[Act]:
        if row.state != State.OPEN:
            return []

        def acknowledge(asked: Asked) -> Outcome:
            absences.acknowledge(row.pk, asked.given["note"])
            return Outcome("It is noted. The alert stays open until what is missing comes.")

        effect = "Others see that you look after it and what you know. It stays open until what is missing comes, and clears itself then."
        fields = (Field("note", "What you know"),)
        return [Act("acknowledge", "Acknowledge…", effect, PERMISSION, acknowledge, fields=fields, reasoned=False)]

    def find(self, text: str) -> list[Find]:
        found = Alert.objects.filter(key=text, state=State.OPEN)[:5]
        return [Find("alert", shorten(row.says), self.url_of(row.pk), row.rule) for row in found]

    def around(self, stream: str) -> list[Find]:
        found = Alert.objects.filter(key=stream).order_by("-since")[:5]
        return [Find("alert", row.rule, self.url_of(row.pk), *seen_as(row)) for row in found]


def state_pill(row: Alert) -> str:
    """An open alert is bad until somebody looks after it."""
    return pill(*seen_as(row))


def seen_as(row: Alert) -> tuple[str, str]:
    """Its state in a word, and the tone of that."""
    tone = "ok" if row.state == State.CLEARED else "warn" if row.acknowledged_by else "bad"
    return "acknowledged" if tone == "warn" else row.state, tone
