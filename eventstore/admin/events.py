"""The event browser, one event, and the story of a stream."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from eventstore.admin import causation, payload_filters
from eventstore.admin.deliveries import deliveries, failing
from eventstore.admin.histories import tell, version_of
from eventstore.admin.reversals import acts_of, bond_of, reverse_view
from eventstore.admin.sliders import stop
from eventstore.clock import now
from eventstore.console.acts import Act
from eventstore.console.formats import moment, shorten
from eventstore.console.lists import Choice, KeysetList, first_id_at
from eventstore.console.screens import Entry, Find, ReadOnlyAdmin, id_in, stream_link, stream_url
from eventstore.errors import EventStoreError
from eventstore.events import OPERATIONS
from eventstore.log import Position
from eventstore.messages import all_aggregates, class_of, decode_event, encode, name_of, registered_events
from eventstore.models import Event, Partition

#: Events that one page of a payload filter looks at; the next page looks further back.
SCAN = 50_000
STORY = 2000  #: events of one correlation that are looked at

CORRELATION = KeyTextTransform("correlation", "facts")


class NameFilter(Choice):
    """Which event; all of an app by the app's name."""

    title = "event"
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        names = list(registered_events())
        apps = sorted({name.partition(".")[0] for name in names})
        return [choice for app in apps for choice in ((app, f"{app} (all)"), *((n, n) for n in names if n.startswith(f"{app}.")))]

    @property
    def names(self) -> list[str]:
        """What is asked for; the names of an app come from the code, not from the table."""
        asked = self.value()
        if not asked or "." in asked:
            return [asked] if asked else []
        return [name for name in registered_events() if name.startswith(f"{asked}.")] or [asked]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(name__in=self.names) if self.names else queryset


class TimeFilter(Choice):
    """How far back. Ids begin with their time, so this is a range of the primary key."""

    title = "time"
    parameter_name = "within"
    everything = "Any time"
    options = (("15m", "Last 15 minutes"), ("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"))
    spans = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}  # noqa: RUF012

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        span = self.spans.get(self.value())
        return queryset.filter(pk__gte=first_id_at(now() - span)) if span else queryset


class EventList(KeysetList):
    """A page of the log. A payload filter has no index to help it: it looks at so many events a page and says how far it came."""

    own_parameters = ("where", "until")

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        rows = super().get_queryset(request, exclude_parameters)
        self.where, self.where_problem, self.scanned_to = request.GET.get("where", "").strip(), "", None
        self.until = _time(request.GET.get("until", ""))
        try:
            self.conditions = payload_filters.parse(self.where)
        except payload_filters.UnreadableFilter as problem:
            self.conditions, self.where_problem = [], str(problem)
            return rows.none()
        return rows.filter(pk__lt=first_id_at(self.until)) if self.until else rows

    def older_rows(self, older: Any, limit: int) -> Sequence[Event]:
        rows = self.queryset if older is None else self.queryset.filter(pk__lt=older)
        if not self.conditions:
            return list(self._newest(rows, limit))
        floor = rows.values_list("pk", flat=True)[SCAN - 1 : SCAN].first()
        if floor is not None:
            rows = rows.filter(pk__gte=floor)
        found = list(rows.filter(payload_filters.predicate(self.conditions))[:limit])
        if len(found) < limit:
            self.scanned_to = floor
        return found

    def _newest(self, rows: QuerySet, limit: int) -> QuerySet:
        """The newest rows. Several names are several walks down the index by name, merged: it is ordered within one name only."""
        names = next((spec.names for spec in self.filter_specs if isinstance(spec, NameFilter)), [])
        if len(names) < 2:
            return rows[:limit]
        first, *others = (rows.filter(name=name)[:limit] for name in names)
        return first.union(*others, all=True).order_by("-id")[:limit]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.scanned_to is not None:
            self.older_link = self._link("older", self.scanned_to)
            seen = Event.objects.filter(pk=self.scanned_to).values_list("recorded_at", flat=True).first()
            self.scan_note = f"Looked at {SCAN:,} events, back to {seen:%Y-%m-%d %H:%M:%S}." if seen else ""

    @property
    def total(self) -> int | None:
        """Positions are dense: their heads add up to the number of events, exactly."""
        return Partition.objects.aggregate(events=Sum("head"))["events"] or 0


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Events", "e", "Event browser"
    list_display = ("position_", "time_", "name_", "stream_", "actor_", "correlation_")
    list_filter = (NameFilter, TimeFilter)
    search_fields = ("stream",)
    search_help_text = "stream, event id or correlation, exactly"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetList]:
        return EventList

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = _clean(search_term).strip()
        if not text:
            return queryset, False
        rows = queryset.annotate(story=CORRELATION)
        found = Q(story=text) | Q(stream=text)
        if (asked := id_in(text)) is not None:
            found = Q(pk=asked) | Q(story=str(asked)) | Q(stream__in=[owner.stream(asked) for owner in all_aggregates()])
        return rows.filter(found), False

    # The columns

    @admin.display(description="position")
    def position_(self, event: Event) -> str:
        return f"{event.partition}-{event.position}"

    @admin.display(description="recorded (UTC)")
    def time_(self, event: Event) -> str:
        return moment(event.recorded_at)

    @admin.display(description="event")
    def name_(self, event: Event) -> str:
        return _listed("name", event.name, event.name)

    @admin.display(description="stream @ version")
    def stream_(self, event: Event) -> str:
        return format_html(
            '<span title="{}">{}</span>', event.stream, stream_link(event.stream, event.version, shorten(event.stream, keep=12))
        )

    @admin.display(description="actor")
    def actor_(self, event: Event) -> str:
        return shorten(event.facts.get("actor", ""))

    @admin.display(description="correlation")
    def correlation_(self, event: Event) -> str:
        story = str(event.facts.get("correlation") or "")
        return _listed("q", story, shorten(story)) if story else ""

    # One event

    def detail(self, request: HttpRequest, row: Event) -> dict[str, Any]:
        versions = Event.objects.filter(stream=row.stream, version__in=(row.version - 1, row.version + 1))
        beside = {event.version: event for event in versions.only("id", "version", "name")}
        return {
            "title": row.name,
            "event": row,
            "previous": beside.get(row.version - 1),
            "next": beside.get(row.version + 1),
            "reading": _reading(row),
            "bond": bond_of(row),
            "deliveries": deliveries(row),
            "tree": self._story(row),
            "whole": {name: getattr(row, name) for name in WHOLE},
        }

    def _story(self, event: Event) -> causation.Tree:
        """What led to what, around one event."""
        correlation = event.facts.get("correlation")
        story = (
            Event.objects.annotate(story=CORRELATION).filter(story=str(correlation)) if correlation else Event.objects.filter(pk=event.pk)
        )
        facts = story.order_by("pk").values_list("id", KeyTextTransform("causation", "facts"), "name", "stream", "version", "recorded_at")
        rows = list(facts[:STORY])
        bad = failing(row[0] for row in rows)
        nodes = [
            causation.Cause(key, cause or "", name, stream, version, at, "bad" if key in bad else "")
            for key, cause, name, stream, version, at in rows
        ]
        return causation.draw(nodes, event.pk)

    def acts(self, row: Event) -> list[Act]:
        return acts_of(row)

    def reverse_view(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        return reverse_view(self, request, event_id)

    # The story of a stream

    def pages(self) -> list[Any]:
        return [
            ("stream/<path:stream>/", self.stream_view, "eventstore_stream"),
            ("<uuid:event_id>/reverse/", self.reverse_view, "eventstore_event_reverse"),
        ]

    def stream_view(self, request: HttpRequest, stream: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        start = request.GET.get("from", "")
        history = tell(_clean(stream), min(int(start[:10]), 2**31 - 1) if start.isascii() and start.isdecimal() else None)
        if not history.version:
            raise Http404(f"No event was ever recorded in stream {stream}.")
        there = stop(request, history)
        if request.headers.get("HX-Request") and there is not None:
            answer = self.fragment(request, "stop", stop=there, stream=stream, slid=request.headers.get("HX-Trigger") == "slider")
            answer["HX-Replace-Url"] = f"{request.path}{there.url()}"
            return answer
        if history.chapters and history.chapters[-1].problem:
            messages.warning(request, f"The state cannot be followed to the end: {history.chapters[-1].problem}")
        return self.page(request, "history", title=stream, history=history, stop=there, stream=stream)

    # Found by the jump box

    def entries(self, *, badges: bool = True) -> list[Entry]:
        return [*super().entries(badges=badges), Entry(label="Staff acts", url=stream_url(OPERATIONS), shortcut="s")]

    def find(self, text: str) -> list[Find]:
        found = []
        asked = id_in(text)
        if asked is not None:
            for event in Event.objects.filter(pk=asked):
                found.append(Find("event", event.name, self.url_of(event.pk), event.stream))
        if Event.objects.annotate(story=CORRELATION).filter(story=str(asked or text)).exists():
            found.append(Find("story", f"Events of correlation {shorten(text)}", f"{self.list_url()}?{urlencode({'q': asked or text})}"))
        streams = [text] if asked is None else [owner.stream(asked) for owner in all_aggregates()]
        found += [Find("stream", stream, stream_url(stream), f"version {version}") for stream in streams if (version := version_of(stream))]
        place = _position(text)
        if place is not None:
            partition, position = place
            for event in Event.objects.filter(partition=partition, position=position):
                found.append(Find("event", event.name, self.url_of(event.pk), f"at {text}"))
        return found


def _listed(parameter: str, value: str, shown: str) -> SafeString:
    """A value that leads to all events with it."""
    return format_html('<a href="?{}">{}</a>', urlencode({parameter: value}), shown)


def _reading(event: Event) -> dict[str, Any]:
    """Whether today's code can read what was recorded, and as what."""
    try:
        cls = class_of(event.name, event.schema_version)
        read = decode_event(event.name, event.schema_version, encode(event.data), event.pk)
    except EventStoreError as problem:
        return {"problem": str(problem)}
    newest = name_of(cls)[1]
    upcast = msgspec.to_builtins(read) if event.schema_version < newest else None
    return {"cls": cls.__name__, "newest": newest, "doc": (cls.__doc__ or "").strip().split("\n")[0], "upcast": upcast}


def _time(text: str) -> datetime | None:
    """A time from an address; UTC when it says nothing else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _position(text: str) -> tuple[int, int] | None:
    """One place in the log, such as 3-17."""
    try:
        heads = Position.parse(text).heads
    except ValueError:
        return None
    return next(iter(heads.items())) if len(heads) == 1 else None


def _clean(text: str) -> str:
    return text.replace("\x00", "")


#: What "copy as JSON" copies.
WHOLE = ("id", "partition", "position", "stream", "version", "name", "schema_version", "data", "facts", "occurred_at", "recorded_at")
