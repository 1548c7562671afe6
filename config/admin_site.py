"""The console: one admin site over all apps, with its navigation, its first page and its jump box."""

from collections.abc import Iterator
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.text import capfirst

from eventstore import console

SECTIONS = ("Operate", "Events", "Business", "System")
LONGEST_QUESTION = 200  #: characters of the jump box; no key is longer
OFFERED = 9


class DaybookSite(AdminSite):
    """Django's admin with our own house around it."""

    site_header = site_title = "Daybook"
    index_title = "Overview"
    index_template = "admin/overview.html"
    site_url = None
    empty_value_display = "–"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own: list[URLResolver | URLPattern] = [
            path("live/overview/", self.admin_view(self.overview_view), name="live_overview"),
            path("live/badges/", self.admin_view(self.badges_view), name="live_badges"),
            path("jump/", self.admin_view(self.jump_view), name="jump"),
            path("jump/offers/", self.admin_view(self.offers_view), name="jump_offers"),
        ]
        return own + super().get_urls()

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's; but whoever was logged out while a page refreshed a part of itself gets no login form in that part."""
        guarded = super().admin_view(view, cacheable)

        def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.headers.get("HX-Request") and not self.has_permission(request):
                return HttpResponse(headers={"HX-Refresh": "true"})
            answer: HttpResponse = guarded(request, *args, **kwargs)
            return answer

        return update_wrapper(entered, guarded)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        navigation = self.navigation(request) if self.has_permission(request) else []
        return super().each_context(request) | {"navigation": navigation, "is_demo": settings.DEMO}

    # The first page

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, console.overview(request) | (extra_context or {}))

    def overview_view(self, request: HttpRequest) -> HttpResponse:
        return TemplateResponse(request, "admin/_overview.html", console.overview(request))

    # The navigation

    def navigation(self, request: HttpRequest) -> list[tuple[str, list[dict[str, Any]]]]:
        """Sections with their lines, as far as this person may see them."""
        sections: dict[str, list[console.Entry]] = {section: [] for section in SECTIONS}
        sections["Operate"].append(console.Entry("Overview", reverse("admin:index"), "o"))
        for admin in self.visible(request):
            sections[getattr(admin, "section", "System")] += _entries(admin)
        lines = [line.url for entries in sections.values() for line in entries]
        here = max((url for url in lines if request.path.startswith(url)), key=len, default="")
        return [
            (section, [{"entry": entry, "current": entry.url == here} for entry in entries])
            for section, entries in sections.items()
            if entries
        ]

    def visible(self, request: HttpRequest) -> Iterator[Any]:
        """The screens this person may look at."""
        screens = sorted(self._registry.values(), key=lambda admin: getattr(admin, "place", 50))
        return (admin for admin in screens if admin.has_module_permission(request) and admin.has_view_permission(request))

    def badges_view(self, request: HttpRequest) -> HttpResponse:
        return TemplateResponse(request, "admin/_badges.html", {"navigation": self.navigation(request)})

    # The jump box

    def jump_view(self, request: HttpRequest) -> HttpResponse:
        """Go to the first thing that the text names."""
        text = _question(request)
        found = next(self.finds(request, text), None) if text else None
        if found is None:
            messages.warning(request, f"Nothing here is called {text}." if text else "Type an id, a stream, a correlation or a page.")
            return HttpResponseRedirect(reverse("admin:index"))
        return HttpResponseRedirect(found.url)

    def offers_view(self, request: HttpRequest) -> HttpResponse:
        """What the text could mean, while it is being typed."""
        text = _question(request)
        finds = [find for find, _ in zip(self.finds(request, text), range(OFFERED), strict=False)] if text else []
        return TemplateResponse(request, "admin/_offers.html", {"finds": finds, "text": text})

    def finds(self, request: HttpRequest, text: str) -> Iterator[console.Find]:
        """Pages by their name, then whatever the screens know: an order before the processes, events and failures about it."""
        screens = list(self.visible(request))
        for entry in (entry for admin in screens for entry in _entries(admin, badges=False)):
            if text.lower() in entry.label.lower():
                yield console.Find("page", entry.label, entry.url)
        for admin in sorted(screens, key=lambda admin: getattr(admin, "section", "") != "Business"):
            if isinstance(admin, console.ReadOnlyAdmin):
                yield from admin.find(text)


def _entries(admin: Any, *, badges: bool = True) -> list[console.Entry]:
    """The lines of one screen; those of Django's own admins are made here."""
    if isinstance(admin, console.ReadOnlyAdmin):
        return admin.entries(badges=badges)
    url = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")
    return [console.Entry(str(capfirst(admin.opts.verbose_name_plural)), url)]


def _question(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_QUESTION]
