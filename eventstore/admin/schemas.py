"""Schemas: every event with its versions, who may read it, what changed between two versions, and how one looks."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from eventstore.console.screens import Find, ReadOnlyAdmin
from eventstore.delivery import all_consumers
from eventstore.models import Event, PublishedSchema
from eventstore.schemas import Key, Offer, app_of, catalogue, entries, examine, offers, read_shelves, step_between

COUNTED = 10_000  #: events of one version that are counted exactly

COUNT = "SELECT count(*) FROM (SELECT FROM eventstore_event WHERE name = %s AND schema_version = %s {later} LIMIT %s) AS found"


@admin.register(PublishedSchema)
class SchemaAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Events", "c", "Schemas"
    place = 60

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        waiting: dict[str, str] = {}
        for finding in examine():
            waiting[finding.key.name] = "breaks readers" if finding.is_breach else waiting.get(finding.key.name) or finding.kind
        lines = [{"event": entry, "state": waiting.get(entry.name) or waiting.get(entry.event) or ""} for entry in catalogue()]
        return self.page(request, "list", title="Schemas", lines=lines, waiting=len(waiting))

    def pages(self) -> list[Any]:
        return [("event/<str:name>/", self.event_view, "eventstore_schema")]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return HttpResponseRedirect(self.page_of(row.name) if row else self.list_url())

    def event_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """One event: its versions, and what changed between the two that were asked for."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        made = offers(read_shelves())
        event = next((entry for entry in entries(made) if name in (entry.name, entry.event)), None)
        if event is None:
            raise Http404(f"The running code has no event {name}.")
        later = _asked(request, "to", event.versions) or event.version
        earlier = _asked(request, "from", event.versions) or max((each for each in event.versions if each < later), default=0)
        newest = Event.objects.filter(name=event.event).order_by("-pk").first() if request.user.has_perm("eventstore.view_event") else None
        app = app_of(event.event)
        return self.page(
            request,
            "event",
            title=event.name,
            event=event,
            app=app.label if app else "",
            versions=_versions(made, event.name, event.event),
            earlier=earlier,
            later=later,
            step=step_between(made, _full(event.event, earlier), _full(event.event, later)) if earlier and earlier != later else None,
            schema=made[_full(event.event, later)].schema,
            example=newest,
            readers=[consumer for consumer in all_consumers() if event.event in consumer.handlers],
        )

    def page_of(self, name: str) -> str:
        return reverse("admin:eventstore_schema", args=[name])

    def find(self, text: str) -> list[Find]:
        if "." not in text:
            return []
        return [
            Find("schema", entry.name, self.page_of(entry.name), entry.title) for entry in catalogue() if text in (entry.name, entry.event)
        ]


def _full(name: str, version: int) -> Key:
    return Key(name=name, version=version)


def _asked(request: HttpRequest, name: str, known: tuple[int, ...]) -> int | None:
    """A version from the address, if there is such a one."""
    told = request.GET.get(name, "")
    return next((version for version in known if told == str(version)), None)


def _versions(made: dict[Key, Offer], name: str, event: str) -> list[dict[str, Any]]:
    """Each version and form, newest first, as the code has it and as the registry knows it."""
    rows = {(row.name, row.version, row.form): row for row in PublishedSchema.objects.filter(name__in=[name, event])}
    keys = sorted((key for key in made if key.name in (name, event)), key=lambda key: (-key.version, key.form, key.name))
    held = {version: _held(event, version) for version in {key.version for key in keys}}
    return [{"key": key, "offer": made[key], "row": rows.get((key.name, key.version, key.form)), "held": held[key.version]} for key in keys]


def _held(name: str, version: int) -> str:
    """How many the log holds."""
    later = "AND schema_version > 1" if version > 1 else ""  # the index of later versions
    with connection.cursor() as cursor:
        cursor.execute(COUNT.format(later=later), [name, version, COUNTED + 1])
        (count,) = cursor.fetchone()
    return f"more than {COUNTED:,}" if count > COUNTED else f"{count:,}"
