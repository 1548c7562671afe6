"""Taking an event back: what would be done or why not, shown before anybody decides; then done once, with a reason."""

from collections.abc import Iterable
from uuid import UUID

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse as url_named

from eventstore.console.acts import Act, Asked, Outcome, leads, perform
from eventstore.console.screens import ReadOnlyAdmin, id_in
from eventstore.models import Event
from eventstore.reversing import rehearse, reverse, undone

PERMISSION = "eventstore.change_reversedevent"
OWN = "eventstore."  #: what the event store itself tells of; none of it is reversed


class Bond(msgspec.Struct, frozen=True):
    """What ties an event to its reversal, from whichever side one looks."""

    reverses: list[Event] = []  #: that this one takes back
    reversed_by: list[Event] = []
    command: str = ""
    reason: str = ""
    actor: str = ""


def bond_of(event: Event) -> Bond:
    """What an event reverses, or what reversed it."""
    back = id_in(str(event.facts.get("reverses", "")))
    found = undone([event.pk]).get(event.pk)
    if found is None:
        return Bond(reverses=_events([back]) if back else [])
    return Bond(reversed_by=_events(found.by), command=found.command, reason=found.reason, actor=found.actor)


def acts_of(event: Event) -> list[Act]:
    """The button that leads to the page, where there is anything to be taken back."""
    if event.name.startswith(OWN) or event.facts.get("reverses") or undone([event.pk]):
        return []
    return [leads("reverse", "Reverse…", url_named("admin:eventstore_event_reverse", args=[event.pk]), PERMISSION)]


def reverse_view(screen: ReadOnlyAdmin, request: HttpRequest, event_id: UUID) -> HttpResponse:
    """GET lets it happen, shows what followed or why it did not, and takes all of it back; POST does it."""
    event: Event | None = screen.get_object(request, str(event_id))
    if not screen.has_view_permission(request, event) or not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if event is None:
        return HttpResponseRedirect(screen.list_url())
    if request.method == "POST":
        return perform(request, [_act(event)], "reverse", screen.url_of(event.pk))
    return screen.page(request, "reverse", title="Reverse an event", event=event, plan=rehearse(event.pk), act=_act(event))


def _act(event: Event) -> Act:
    def do(asked: Asked) -> Outcome:
        done = reverse(event.pk, asked.reason)
        return Outcome(f"{done.command} reversed it: {', '.join(done.follows)}.")

    return Act("reverse", "Reverse", "", PERMISSION, do, grave=True)


def _events(ids: Iterable[UUID | str]) -> list[Event]:
    return list(Event.objects.filter(pk__in=ids).order_by("pk"))
