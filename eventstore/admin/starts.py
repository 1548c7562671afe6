"""Before a run starts: which events and what becomes of outside effects; all that it would touch, counted; the name and the reason."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from eventstore import runs
from eventstore.clock import now
from eventstore.console.acts import Act, Asked, Outcome, perform
from eventstore.console.screens import ReadOnlyAdmin
from eventstore.delivery import Consumer, all_consumers
from eventstore.errors import EventStoreError, Refused
from eventstore.models import Run
from eventstore.projections import Projection
from eventstore.runs import Blast, Selection

PERMISSION = "eventstore.change_run"
FASTEST = 1_000_000  #: events a second that somebody may ask for

EFFECTS = {
    Run.Effects.DENY.value: "refused: whoever calls the outside fails, and its key is parked for the run",
    Run.Effects.RECEIPT.value: "answered with the receipt of the first time; nothing outside happens again",
    Run.Effects.RUN.value: "run again: mail is sent once more, money moves once more",
}


class Plan(msgspec.Struct, frozen=True):
    """What somebody asks for."""

    selection: Selection
    effects: str
    rate: int | None


def again_view(screen: ReadOnlyAdmin, request: HttpRequest, name: str) -> HttpResponse:
    """GET without `count` asks; with it, tells what the run would touch; POST starts it."""
    if not screen.has_view_permission(request) or not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    consumer = next((one for one in all_consumers() if one.name == name), None)
    if consumer is None:
        return HttpResponseRedirect(screen.list_url())
    given = request.POST if request.method == "POST" else request.GET
    if request.method == "POST":
        back = f"{request.path}?{request.META.get('QUERY_STRING', '')}"
        return perform(request, [_start(consumer, given)], "start", back)
    is_projection = isinstance(consumer, Projection)
    problem, plan, blast = "", None, None
    if "count" in given or is_projection:
        try:
            plan = read(consumer, given)
            blast = measure(consumer, plan)
        except EventStoreError as error:
            problem = str(error)
    return screen.page(
        request,
        "again",
        title="Rebuild beside" if is_projection else "Replay",
        consumer=consumer,
        is_projection=is_projection,
        given=given,
        chosen=given.getlist("name"),
        names=sorted(consumer.handlers),
        choices=[(value, told) for value, told in EFFECTS.items() if value != "run" or consumer.replay == "allow"],
        problem=problem,
        plan=plan,
        blast=blast,
        fields=_hidden(plan) if plan else [],
    )


def read(consumer: Consumer, given: Any) -> Plan:
    """The form as a plan. Raises Refused in the words of the form."""
    rate = _rate(given.get("rate", "").strip())
    if isinstance(consumer, Projection):
        return Plan(Selection(), Run.Effects.DENY, rate)
    effects = given.get("effects") or Run.Effects.DENY.value
    if effects not in EFFECTS:
        raise Refused(f"Outside effects are one of {', '.join(EFFECTS)}.", code="unknown_effects")
    streams = tuple(dict.fromkeys(given.get("streams", "").replace("\x00", "").split()))
    # What is recorded while somebody reads the numbers is no part of what they decide about.
    until = _moment(given.get("until", ""), "before") or now()
    since = _moment(given.get("since", ""), "since")
    return Plan(Selection(streams=streams, names=tuple(given.getlist("name")), since=since, until=until), effects, rate)


def measure(consumer: Consumer, plan: Plan) -> Blast:
    """What the run would touch."""
    target = Run.Target.SHADOW if isinstance(consumer, Projection) else Run.Target.LIVE
    return runs.measure(consumer, plan.selection, effects=plan.effects, target=target)


def _start(consumer: Consumer, given: Any) -> Act:
    def do(asked: Asked) -> Outcome:
        plan = read(consumer, given)
        if isinstance(consumer, Projection):
            run = runs.rebuild_beside(consumer.name, reason=asked.reason, rate=plan.rate)
            told = f"{consumer.name} is being folded from {run.total:,} events into tables beside the live ones."
        else:
            typed = given.get("typed", "").strip()
            run = runs.replay(consumer.name, plan.selection, reason=asked.reason, effects=plan.effects, rate=plan.rate, typed=typed)
            told = f"{run.total:,} events go to {consumer.name} again."
        if run.state == Run.State.WAITING:
            told = f"A second person has to approve it: {run.total:,} events would go to {consumer.name} again, and money is in them."
        return Outcome(told, leads_to=reverse("admin:eventstore_run_change", args=[run.pk]))

    return Act("start", "Start", "", PERMISSION, do)


def _hidden(plan: Plan) -> list[tuple[str, str]]:
    """The plan as the form that starts it: exactly what was counted."""
    chosen = plan.selection
    fields = [("streams", " ".join(chosen.streams)), ("effects", plan.effects), ("rate", str(plan.rate or ""))]
    fields += [(name, moment.isoformat()) for name, moment in (("since", chosen.since), ("until", chosen.until)) if moment]
    return [*fields, *(("name", name) for name in chosen.names)]


def _rate(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= FASTEST):
        raise Refused(
            f"The rate is a whole number of events a second, from 1 to {FASTEST:,}; empty is as fast as it goes.", code="bad_rate"
        )
    return int(text)


def _moment(text: str, name: str) -> datetime | None:
    """A time of the form, in UTC unless it says otherwise."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"“{name}” is a time such as 2026-10-24T08:00, in UTC.", code="bad_time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
