"""Consumers and projections: how far each is, and the switches: pause, resume, rebuild."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from eventstore import delivery, projections
from eventstore.admin import runs, starts
from eventstore.console.acts import Act, Asked, Outcome, leads
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin
from eventstore.console.standings import Line, lines
from eventstore.delivery import Consumer, all_consumers
from eventstore.events import OPERATIONS
from eventstore.models import ConsumerState, Event, ParkedKey
from eventstore.projections import Projection

PERMISSION = "eventstore.change_consumerstate"

LANES = """
SELECT c.partition, p.head, c.position, greatest(0, p.head - c.position), c.fallbacks, c.attempts, c.moved_at
FROM eventstore_checkpoint c JOIN eventstore_partition p ON p.id = c.partition
WHERE c.consumer = %s ORDER BY c.partition
"""


@admin.register(ConsumerState)
class ConsumerAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "p", "Projections"
    place = 10

    def badge(self) -> Badge | None:
        paused = ConsumerState.objects.filter(state=ConsumerState.State.PAUSED).count()
        return Badge(f"{paused} paused", "warn") if paused else None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.page(request, "list", title="Projections and consumers", lines=self._lines(request))

    def pages(self) -> list[Any]:
        return [
            ("live/", self.live_view, "eventstore_consumerstate_live"),
            ("<path:name>/again/", partial(starts.again_view, self), "eventstore_consumerstate_again"),
        ]

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """The table alone, for the page that shows it already."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.fragment(request, "lines", lines=self._lines(request))

    def _lines(self, request: HttpRequest) -> list[Line]:
        rows = {state.name: state for state in ConsumerState.objects.all()}
        found = lines()
        for line in found:
            # What empties a table at once is asked for on the consumer's own page.
            acts = self.allowed_acts(request, rows[line.name]) if line.name in rows else []
            line.acts = [allowed for allowed in acts if not allowed["act"].grave]
        return found

    def detail(self, request: HttpRequest, row: ConsumerState) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(LANES, [row.name])
            lanes = cursor.fetchall()
        told = Event.objects.filter(stream=OPERATIONS, data__consumer=row.name).order_by("-version")
        consumer = _declared(row)
        return {
            "title": row.name,
            "lines": [line for line in self._lines(request) if line.name == row.name],
            "lanes": lanes,
            "parked": ParkedKey.objects.filter(consumer=row.name, state__in=ParkedKey.WAITING).order_by("-pk")[:20],
            "told": told[:20],
            "runs": runs.of_consumer(row.name) if request.user.has_perm("eventstore.view_run") else [],
            "handles": sorted(consumer.handlers) if consumer else [],
            "consumer": consumer,
        }

    def acts(self, row: ConsumerState) -> list[Act]:
        consumer = _declared(row)
        if consumer is None:
            return []
        found = [_pause(row) if row.state == ConsumerState.State.RUNNING else _resume(row)]
        again = reverse("admin:eventstore_consumerstate_again", args=[row.name])
        if not isinstance(consumer, Projection):
            return [*found, leads("again", "Replay…", again, runs.PERMISSION)]
        return [*found, leads("again", "Rebuild beside…", again, runs.PERMISSION), _rebuild(row, consumer)]

    def find(self, text: str) -> list[Find]:
        return [Find(c.kind, c.name, self.url_of(c.name)) for c in all_consumers() if text.lower() in c.name.lower()]


def _declared(row: ConsumerState) -> Consumer | None:
    """What the running code says of a consumer; None when it knows it no more."""
    return next((consumer for consumer in all_consumers() if consumer.name == row.name), None)


def _pause(row: ConsumerState) -> Act:
    def do(asked: Asked) -> Outcome:
        delivery.pause(row.name, asked.reason)
        return Outcome(f"{row.name} is paused. What waits for it stays in the log.")

    effect = f"{row.name} takes nothing more after its current batch. Events wait for it in the log; nothing is lost."
    return Act("pause", "Pause…", effect, PERMISSION, do)


def _resume(row: ConsumerState) -> Act:
    def do(asked: Asked) -> Outcome:
        delivery.resume(row.name, asked.reason)
        return Outcome(f"{row.name} goes on where it stood.")

    return Act("resume", "Resume…", f"{row.name} goes on where it stood and catches up with the log.", PERMISSION, do)


def _rebuild(row: ConsumerState, projection: Projection) -> Act:
    tables = " and ".join(projection.tables)
    effect = (
        f"{tables} is emptied at once and filled again from the whole log; until it has caught up, readers see it grow. "
        "Its parked keys end: their events come again in order."
    )
    if row.state == ConsumerState.State.PAUSED:
        effect += f" {row.name} is paused, so the table stays empty until it is resumed."

    def do(asked: Asked) -> Outcome:
        events = projections.start_rebuild(row.name, asked.reason)
        return Outcome(f"{tables} is empty and is being filled again from {events:,} events.")

    return Act("rebuild", "Rebuild in place…", effect, PERMISSION, do, grave=True)
