"""Dead letters by kind: what fails where, how often lately, who looks after it; and one verb for all keys that were shown."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from eventstore import health, runs
from eventstore.admin.parked_keys import PERMISSION, tell
from eventstore.clock import now
from eventstore.console.acts import Act, Asked, Field, Outcome, perform
from eventstore.console.screens import Badge, ReadOnlyAdmin
from eventstore.delivery import all_consumers, repairs
from eventstore.delivery.groups import failures_of, group_of, groups, look_after
from eventstore.errors import Refused
from eventstore.models import FailureGroup

LOOK_AFTER = "eventstore.change_failuregroup"
SHOWN = 200  #: keys that one page lists and one click acts on; each field of a form costs, and a person reads no more
ALL = 500  #: groups


@admin.register(FailureGroup)
class GroupAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "d", "Dead letters"
    place = 30

    def badge(self) -> Badge | None:
        found = health.dead_letters()
        if found.dead:
            return Badge(str(found.dead), "bad", f"{found.dead} dead, {found.retrying} retrying")
        return Badge(str(found.retrying), "warn", f"{found.retrying} retrying") if found.retrying else None

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # A group is there as soon as something failed; its row comes when somebody writes into it.
        row = None if "\x00" in object_id else group_of(object_id)
        return row and (FailureGroup.objects.filter(pk=object_id).first() or FailureGroup(pk=object_id))

    def pages(self) -> list[Any]:
        return [
            ("live/", self.list_live_view, "eventstore_failuregroup_live"),
            ("<slug:fingerprint>/live/", self.live_view, "eventstore_failuregroup_since"),
            ("<slug:fingerprint>/keys/", self.keys_view, "eventstore_failuregroup_keys"),
        ]

    # All groups

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.page(request, "list", title=self.label, last=health.dead_letters().last_parked_at, **_asked_for(request))

    def list_live_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.fragment(request, "groups", **_asked_for(request))

    # One group

    def detail(self, request: HttpRequest, row: FailureGroup) -> dict[str, Any]:
        group = group_of(row.pk)
        at = now()
        failures = list(failures_of(row.pk).filter(first_failed_at__lte=at)[:SHOWN])
        return {
            "title": group.error_class if group else row.pk,
            "group": group,
            "failures": failures,
            "at": at,
            "may_act": request.user.has_perm(PERMISSION),
            "others": [consumer.name for consumer in all_consumers() if group and group.event_name in consumer.handlers],
            "declared": {consumer.name for consumer in all_consumers()},
            **self._since(row.pk, at, len(failures)),
        }

    def live_view(self, request: HttpRequest, fingerprint: str) -> HttpResponse:
        """What became of the keys that a page shows, and how many came since."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            at, shown = datetime.fromisoformat(request.GET["at"]), int(request.GET["shown"])
        except (KeyError, ValueError):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return self.fragment(request, "since", **self._since(fingerprint, at, shown))

    def _since(self, fingerprint: str, at: datetime, shown: int) -> dict[str, Any]:
        waiting = failures_of(fingerprint)
        return {
            "fingerprint": fingerprint,
            "at": at,
            "shown": shown,
            "still": waiting.filter(first_failed_at__lte=at).count(),
            "newer": waiting.filter(first_failed_at__gt=at).count(),
        }

    def acts(self, row: FailureGroup) -> list[Act]:
        def do(asked: Asked) -> Outcome:
            look_after(row.pk, assignee=asked.given["assignee"][:150], note=asked.given["note"])
            return Outcome("It is noted.")

        fields = (Field("assignee", "Who looks after it", required=False), Field("note", "What is known", lines=4, required=False))
        effect = "Others see who looks after these failures and what they found. Empty takes it back."
        return [Act("assign", "Look after it…", effect, LOOK_AFTER, do, fields=fields, reasoned=False)]

    # One verb for what was shown

    def keys_view(self, request: HttpRequest, fingerprint: str) -> HttpResponse:
        """Act on exactly the keys that came with the form, as far as they still wait with the event that was shown."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        back = self.url_of(fingerprint)
        verb = request.POST.get("verb", "")
        if verb not in VERBS:
            return HttpResponseRedirect(back)

        def do(asked: Asked) -> Outcome:
            ids, events = _shown(request.POST.getlist("key"))
            if verb == "retry":
                run = runs.redrive(_unmoved(fingerprint, ids, events), reason=asked.reason)
                url = reverse("admin:eventstore_run_change", args=[run.pk])
                return Outcome(f"{_keys(run.total)} of the {len(ids)} shown are tried again, one after the other.", leads_to=url)
            if verb == "redirect":
                return tell(repairs.redirect(ids, asked.given["to"], asked.reason, events))
            return tell(VERBS[verb](ids, asked.reason, events))

        fields = (Field("to", "Another consumer"),) if verb == "redirect" else ()
        return perform(request, [Act(verb, verb, "", PERMISSION, do, fields=fields)], verb, back)


VERBS: dict[str, Any] = {"retry": None, "skip": repairs.skip, "redirect": repairs.redirect, "discard": repairs.discard}


def _asked_for(request: HttpRequest) -> dict[str, Any]:
    everything = request.GET.get("state") == "all"
    return {"groups": groups(ALL, only_open=not everything), "everything": everything}


def _shown(keys: list[str]) -> tuple[list[UUID], set[UUID]]:
    """The keys that came with the form, and the events that stood at their heads when they were shown."""
    try:
        pairs = [(UUID(key), UUID(event)) for key, _, event in (text.partition(":") for text in keys)]
    except ValueError:
        raise Refused("The form does not name its keys as this page writes them. Reload it.", code="unreadable_keys") from None
    if not pairs:
        raise Refused("No key was chosen.", code="nothing_chosen")
    return [key for key, _ in pairs], {event for _, event in pairs}


def _unmoved(fingerprint: str, ids: list[UUID], events: set[UUID]) -> list[UUID]:
    """Those that still wait with the event that was shown."""
    return list(failures_of(fingerprint).filter(parked__in=ids, event_id__in=events).values_list("parked_id", flat=True))


def _keys(number: int) -> str:
    return f"{number} {'key' if number == 1 else 'keys'}"
