"""Keys that wait because an event of them failed: what went wrong, what lines up behind, and everything staff may do about it."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from eventstore import delivery
from eventstore.admin import edits
from eventstore.console.acts import Act, Asked, Field, Outcome, leads
from eventstore.console.formats import moment, pill, shorten
from eventstore.console.lists import Choice
from eventstore.console.screens import Find, ReadOnlyAdmin, id_in
from eventstore.delivery import Consumer, all_consumers, consumer_named, repairs
from eventstore.delivery.repairs import Acted
from eventstore.errors import UnknownName
from eventstore.events import OPERATIONS
from eventstore.models import Correction, Event, FailedEvent, ParkedKey

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
        ("discarded", "Discarded"),
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
    section, shortcut, label = "Operate", "k", "Parked keys"
    place = 40
    list_display = ("key_", "state_", "consumer_", "error_", "attempts_number", "followers_number", "next_", "parked_")
    list_filter = (StateFilter, ConsumerFilter)
    search_fields = ("key",)
    search_help_text = "stream or event id, exactly"

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

    @admin.display(description="consumer")
    def consumer_(self, row: ParkedKey) -> str:
        return shorten(row.consumer)

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

    def pages(self) -> list[Any]:
        return [
            ("<uuid:key_id>/edit/", partial(edits.edit_view, self), "eventstore_parkedkey_edit"),
            ("<uuid:key_id>/dry-run/", partial(edits.dry_run_view, self), "eventstore_parkedkey_dry_run"),
        ]

    def detail(self, request: HttpRequest, row: ParkedKey) -> dict[str, Any]:
        self.dress([row])
        first = Event.objects.filter(partition=row.partition, position=row.position).first()
        consumer = known(row)
        corrected = (
            Correction.objects.filter(consumer=consumer.identity, event_id=first.pk) if consumer and first else Correction.objects.none()
        )
        return {
            "title": shorten(row.key, keep=12),
            "first": first,
            "stream": first.stream if first else "",
            "failures": row.failures.order_by("-position"),
            "events": self._line(row, first) if row.state in ParkedKey.HELD else [],
            "shown": SHOWN,
            "corrections": corrected.order_by("-made_at"),
            "told": Event.objects.filter(stream=OPERATIONS, data__parked_id=str(row.pk)).order_by("-version")[:20],
            "is_declared": row.consumer in {one.name for one in all_consumers()},
            "run": id_in(row.consumer.removeprefix("run:")),
            "may_try": consumer is not None and row.state in ParkedKey.HELD and request.user.has_perm(PERMISSION),
        }

    def _line(self, row: ParkedKey, first: Event | None) -> list[Event]:
        """The failed event and those that line up behind it."""
        if first is None or row.key != first.stream:
            return [first] if first else []
        behind = Event.objects.filter(stream=row.key, version__gte=first.version).order_by("version")
        return list(behind[:SHOWN])

    def acts(self, row: ParkedKey) -> list[Act]:
        consumer = known(row)
        if consumer is None:
            return []
        if row.state == ParkedKey.State.DISCARDED:
            effect = "It is a dead letter again, as it was before somebody put it away. Nothing of its stream was lost."
            return [_verb("restore", "Restore…", effect, lambda asked: repairs.restore([row.pk], asked.reason))]
        if row.state not in ParkedKey.WAITING:
            return []
        failed = Event.objects.filter(partition=row.partition, position=row.position).first()
        return [] if failed is None else _while_waiting(row, consumer, failed)

    def find(self, text: str) -> list[Find]:
        asked = id_in(text)
        keys = [text, *([str(asked)] if asked else [])]
        waiting = ParkedKey.objects.filter(key__in=keys, state__in=ParkedKey.WAITING)[:5]
        return [Find("parked key", shorten(row.key), self.url_of(row.pk), f"{row.state} for {row.consumer}") for row in waiting]


def known(row: ParkedKey) -> Consumer | None:
    """Whose key it is, a run's lane included; None when the running code knows it no more."""
    try:
        return consumer_named(row.consumer)
    except UnknownName:
        return None


def _while_waiting(row: ParkedKey, consumer: Consumer, failed: Event) -> list[Act]:
    """What may be done to a key at whose head this event stands."""
    ids, events = [row.pk], [failed.pk]

    def retry(asked: Asked) -> Outcome:
        done = delivery.retry_now(row, asked.reason)
        row.refresh_from_db()
        took = f"{done} {'event' if done == 1 else 'events'} took effect"
        if row.state == ParkedKey.State.RESOLVED:
            return Outcome(f"It went well: {took}, and nothing waits here any more.")
        return Outcome(f"It failed again{f' after {took}' if done else ''}; the newest error is below.", well=False)

    again = (
        f"{consumer.name} handles the failed event again now, and then, in order, what lines up behind it. "
        "If it fails again, the key goes on waiting."
    )
    skip = (
        f"{consumer.name} never handles {failed.name} at {failed.partition}-{failed.position}. What lines up behind it goes on, in order."
    )
    away = "It is put away: nobody is reminded of it. Its stream stays held, so restoring it loses nothing and breaks no order."
    found = [
        Act("retry", "Retry now…", again, PERMISSION, retry),
        leads("edit", "Edit…", reverse("admin:eventstore_parkedkey_edit", args=[row.pk]), PERMISSION),
        _verb("skip", "Skip…", skip, lambda asked: repairs.skip(ids, asked.reason, events), seen=str(failed.pk), grave=True),
    ]
    others = tuple(one.name for one in all_consumers() if failed.name in one.handlers and one.identity != consumer.identity)
    if others:
        effect = (
            f"The consumer you choose handles {failed.name} instead; {consumer.name} leaves it out and goes on with what lines up behind."
        )
        to = Field("to", "Who takes it", choices=others)
        found.append(
            _verb(
                "redirect", "Redirect…", effect, lambda asked: repairs.redirect(ids, asked.given["to"], asked.reason, events), fields=(to,)
            )
        )
    return [*found, _verb("discard", "Discard…", away, lambda asked: repairs.discard(ids, asked.reason, events), grave=True)]


def _verb(name: str, label: str, effect: str, act: Callable[[Asked], list[Acted]], **more: Any) -> Act:
    return Act(name, label, effect, PERMISSION, lambda asked: tell(act(asked)), **more)


def tell(acted: list[Acted]) -> Outcome:
    """What became of the keys, in a sentence; not well when somebody was here first, or when it failed again."""
    became = Counter(one.became for one in acted)
    gone = became.pop("gone", 0)
    if not became:
        return Outcome("Nothing was done: somebody was here first. It does not wait with the event that you were shown.", well=False)
    told = ", ".join(f"{number} {what}" for what, number in became.items()) if len(acted) > 1 else next(iter(became))
    rest = f" {gone} did not wait any more: somebody was there first." if gone else ""
    return Outcome(f"Done: {told}.{rest}", well="failed again" not in became)
