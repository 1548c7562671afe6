"""A screen over rows that nobody edits: a list, a detail page, the acts that are possible, its place in the navigation."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from eventstore.console.acts import Act, perform
from eventstore.console.lists import KeysetList

View = Callable[..., HttpResponse]

CHAPTERS = 50  #: versions of a stream on one page of its story


class Badge(msgspec.Struct, frozen=True):
    """What stands beside a name in the navigation, because it wants to be seen there."""

    text: str
    tone: str  #: ok, info, warn, bad or quiet
    title: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A line of the navigation. `g` and then the shortcut leads there."""

    label: str
    url: str
    shortcut: str = ""
    key: str = ""  #: names the badge
    badge: Badge | None = None


class Find(msgspec.Struct, frozen=True):
    """Something that the jump box found."""

    kind: str
    label: str
    url: str
    note: str = ""
    tone: str = ""  #: of the note, where the word alone would get another one


class ReadOnlyAdmin(admin.ModelAdmin):
    """History is looked at, never edited. What staff may do are acts: POSTs with a reason, told in the log.

    A screen overrides `detail` (what its page shows beside the row), `acts`, `find`, `badge`, and `pages` for more URLs.
    A column whose name ends in _number stands to the right.
    Templates: admin/<app>/<model>/detail.html, and change_list.html where the common one is not enough.
    """

    section = "System"  #: Operate, Events, Business or System
    place = 50  #: in its section, small numbers first
    shortcut = ""
    label = ""
    actions = None
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False

    # Who may see

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # What a screen may say for itself

    def detail(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of one row shows."""
        return {}

    def acts(self, row: Any) -> list[Act]:
        """What may be done to a row now, whoever asks."""
        return []

    def find(self, text: str) -> list[Find]:
        """What the jump box should offer for this text."""
        return []

    def around(self, stream: str) -> list[Find]:
        """What of this screen belongs to an aggregate: the processes, questions and alerts about it."""
        return []

    def badge(self) -> Badge | None:
        """What staff should see without opening the screen. One cheap query at most."""
        return None

    def pages(self) -> list[tuple[str, View, str]]:
        """Further pages: (route, view, name)."""
        return []

    def dress(self, rows: list[Any]) -> None:
        """Give the rows of one page of the list what they show beside their fields, in few queries."""

    def whatever_is_around(self, request: HttpRequest, stream: str) -> list[Find]:
        """What all screens know about an aggregate, as far as this person may see them; for its page."""
        screens = [screen for screen in self.admin_site._registry.values() if isinstance(screen, ReadOnlyAdmin)]
        visible = sorted((screen for screen in screens if screen.has_view_permission(request)), key=lambda screen: screen.place)
        return [find for screen in visible for find in screen.around(stream)]

    # The navigation

    def entries(self, *, badges: bool = True) -> list[Entry]:
        """The lines of this screen in the navigation."""
        key = f"{self.opts.app_label}-{self.opts.model_name}"
        label = self.label or capfirst(str(self.opts.verbose_name_plural))
        return [Entry(label=label, url=self.list_url(), shortcut=self.shortcut, key=key, badge=self.badge() if badges else None)]

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def key_of(self, row: Any) -> object:
        """What names a row in its address."""
        return row.pk

    def url_of(self, key: object) -> str:
        """The page of one row."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[key])

    # The pages themselves

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        own = [("<path:object_id>/act/<slug:name>/", self.act_view, name), *self.pages()]
        return [path(route, self.admin_site.admin_view(view), name=label) for route, view, label in own] + super().get_urls()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        self.dress(changelist.result_list)
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if ERROR_FLAG in request.GET:
            messages.warning(request, "That address asked for something this list does not know; here is all of it.")
        title = self.label or capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, "screen": self} | (extra_context or {}))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # No key holds a NUL, and PostgreSQL does not even take the question.
        return None if "\x00" in object_id else super().get_object(request, object_id, from_field)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            messages.warning(request, f"There is no {self.opts.verbose_name} {object_id}.")
            return HttpResponseRedirect(self.list_url())
        shown = {"title": str(row), "row": row, "acts": self.allowed_acts(request, row)} | self.detail(request, row)
        return self.page(request, "detail", **shown)

    def page(self, request: HttpRequest, template: str, **shown: Any) -> TemplateResponse:
        """A page of this screen: admin/<app>/<model>/<template>.html. Views of `pages` check has_view_permission first."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "screen": self, **shown}
        return TemplateResponse(request, f"admin/{self.opts.app_label}/{self.opts.model_name}/{template}.html", context)

    def fragment(self, request: HttpRequest, template: str, **shown: Any) -> TemplateResponse:
        """A part of a page that shows it already, without what stands around it."""
        return TemplateResponse(request, f"admin/{self.opts.app_label}/{self.opts.model_name}/_{template}.html", {"screen": self, **shown})

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise PermissionDenied
        return perform(request, self.acts(row), name, self.url_of(self.key_of(row)))

    def allowed_acts(self, request: HttpRequest, row: models.Model) -> list[dict[str, Any]]:
        """The acts this person may see as buttons, each with the URL that does it."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
        allowed = [act for act in self.acts(row) if request.user.has_perm(act.permission)]
        return [{"act": act, "url": reverse(name, args=[self.key_of(row), act.name])} for act in allowed]


def id_in(text: str) -> UUID | None:
    """The id that a text is, if it is one."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def stream_url(stream: str, version: int | None = None) -> str:
    """The page of a stream's story, at a version of it."""
    url = reverse("admin:eventstore_stream", args=[stream])
    return url if version is None else f"{url}?from={(version - 1) // CHAPTERS * CHAPTERS + 1}#v{version}"


def stream_link(stream: str, version: int, shown: str = "") -> SafeString:
    """A stream at a version, leading to its story there."""
    return format_html('<a href="{}">{}</a><span class="quiet">@{}</span>', stream_url(stream, version), shown or stream, version)
