"""Keys that wait because an event of them failed: what went wrong, what lines up behind, and trying again now."""

from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from eventstore import delivery, health
from eventstore.console.acts import Act, Asked, Outcome
from eventstore.console.formats import moment, pill, shorten
from eventstore.console.lists import Choice
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin, id_in
from eventstore.delivery import all_consumers
from eventstore.models import Event, FailedEvent, ParkedKey

PERMISSION = "eventstore.change_parkedkey"
SHOWN = 100  #: followers that the page lists

# Followers are a range in the log: later events of the stream that the consumer has passed by. Counted up to 1000 a key.
FOLLOWERS = """
SELECT k.id, (SELECT count(*) FROM (
    SELECT 1 FROM eventstore_event e
    WHERE e.stream = k.key AND e.partition = k.partition AND e.position > k.position AND e.position <= c.position LIMIT 1000
) AS following)
FROM eventstore_parkedkey k JOIN eventstore_checkpoint c ON c.consumer = k.consumer AND c.partition = k.partition
WHERE k.id = ANY(%s)
"""


class StateFilter(Choice):
    """What still waits, unless asked otherwise."""

    title = "state"
    parameter_name = "state"
    default = "open"
    options = (
        ("open", "Waiting"),
        ("dead", "Dead"),
        ("retrying", "Retrying"),
        ("resolved", "Resolved"),
        ("skipped", "Skipped"),
    )

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        asked = self.value()
        if asked == "all":
            return queryset
        return queryset.filter(state__in=ParkedKey.WAITING if asked == "open" else [asked])


class ConsumerFilter(Choice):
    """Whose keys."""

    title = "consumer"
    parameter_name = "consumer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(consumer.name, consumer.name) for consumer in all_consumers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(consumer=self.value()) if self.value() else queryset


@admin.register(ParkedKey)
class ParkedKeyAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "d", "Parked keys"
    list_display = ("key_", "state_", "consumer", "error_", "attempts_number", "followers_number", "next_", "parked_")
    list_filter = (StateFilter, ConsumerFilter)
    search_fields = ("key",)
    search_help_text = "stream or event id, exactly"

    def badge(self) -> Badge | None:
        found = health.dead_letters()
        if found.dead:
            return Badge(str(found.dead), "bad", f"{found.dead} dead, {found.retrying} retrying")
        return Badge(str(found.retrying), "warn", f"{found.retrying} retrying") if found.retrying else None

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        return (queryset.filter(key=text) if text else queryset), False

    def dress(self, rows: list[Any]) -> None:
        ids = [row.pk for row in rows]
        latest = {failure.parked_id: failure for failure in FailedEvent.objects.filter(parked__in=ids).order_by("last_failed_at")}
        with connection.cursor() as cursor:
            cursor.execute(FOLLOWERS, [ids])
            followers = dict(cursor.fetchall())
        for row in rows:
            row.failure, row.followers = latest.get(row.pk), followers.get(row.pk, 0)

    # The columns

    @admin.display(description="key")
    def key_(self, row: ParkedKey) -> str:
        return shorten(row.key, keep=12)

    @admin.display(description="state")
    def state_(self, row: ParkedKey) -> str:
        return pill(row.state)

    @admin.display(description="error")
    def error_(self, row: Any) -> str:
        if row.failure is None:
            return ""
        told = row.failure
        return format_html('<span class="clip"><b>{}</b> {}</span>', told.error_class, told.message[:120])

    @admin.display(description="attempts")
    def attempts_number(self, row: ParkedKey) -> int:
        return row.attempts

    @admin.display(description="behind it")
    def followers_number(self, row: Any) -> str:
        return "999+" if row.followers >= 1000 else str(row.followers)

    @admin.display(description="next attempt")
    def next_(self, row: ParkedKey) -> str:
        return moment(row.next_attempt_at, relative=True)

    @admin.display(description="parked")
    def parked_(self, row: ParkedKey) -> str:
        return moment(row.parked_at, relative=True)

    # One key

    def detail(self, request: HttpRequest, row: ParkedKey) -> dict[str, Any]:
        self.dress([row])
        first = Event.objects.filter(partition=row.partition, position=row.position).first()
        return {
            "title": shorten(row.key, keep=12),
            "first": first,
            "stream": first.stream if first else "",
            "failures": row.failures.order_by("-position"),
            "events": self._line(row, first) if row.state in ParkedKey.WAITING else [],
            "shown": SHOWN,
        }

    def _line(self, row: ParkedKey, first: Event | None) -> list[Event]:
        """The failed event and those that line up behind it."""
        if first is None or row.key != first.stream:
            return [first] if first else []
        behind = Event.objects.filter(stream=row.key, version__gte=first.version).order_by("version")
        return list(behind[:SHOWN])

    def acts(self, row: ParkedKey) -> list[Act]:
        if row.state not in ParkedKey.WAITING or row.consumer not in {consumer.name for consumer in all_consumers()}:
            return []

        def do(asked: Asked) -> Outcome:
            done = delivery.retry_now(row, asked.reason)
            row.refresh_from_db()
            took = f"{done} {'event' if done == 1 else 'events'} took effect"
            if row.state == ParkedKey.State.RESOLVED:
                return Outcome(f"It went well: {took}, and nothing waits here any more.")
            return Outcome(f"It failed again{f' after {took}' if done else ''}; the newest error is below.", well=False)

        effect = (
            f"{row.consumer} handles the failed event again now, and then, in order, what lines up behind it. "
            "If it fails again, the key goes on waiting."
        )
        return [Act("retry", "Retry now…", effect, PERMISSION, do)]

    def find(self, text: str) -> list[Find]:
        asked = id_in(text)
        keys = [text, *([str(asked)] if asked else [])]
        waiting = ParkedKey.objects.filter(key__in=keys, state__in=ParkedKey.WAITING)[:5]
        return [Find("parked key", shorten(row.key), self.url_of(row.pk), f"{row.state} for {row.consumer}") for row in waiting]
