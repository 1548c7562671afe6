"""Everything at a glance: what the first page shows, and shows again every two seconds."""

from typing import Any

import msgspec
from django.http import HttpRequest
from django.urls import reverse

from eventstore import health, runs, sagas
from eventstore.console.formats import duration, roughly
from eventstore.console.standings import lines_of
from eventstore.models import Alert, Approval, Effect, Event, ParkedKey, Run

TRAIL = 60  #: measurements that a trend shows: two minutes
ALIVE = 15.0  #: seconds after which a task that runs every second is missed
LATEST = 8
SEEN = ("event", "consumerstate", "parkedkey", "run", "effect", "sagainstance", "approval", "alert")


class Card(msgspec.Struct, frozen=True):
    """One number with its trend."""

    title: str
    value: str
    note: str
    tone: str
    trend: list[float]
    url: str = ""
    name: str = ""  #: under which the page sends the trend back


def overview(request: HttpRequest) -> dict[str, Any]:
    """What this person may see of it. Eighteen queries at most."""
    may = {model: request.user.has_perm(f"eventstore.view_{model}") for model in SEEN}
    shown: dict[str, Any] = {"may": may, "may_anything": any(may.values())}
    if may["consumerstate"]:
        found = health.overview()
        cards = cards_of(found, request)
        shown |= {
            "health": found,
            "cards": cards,
            "trails": [(card.name, ",".join(f"{value:g}" for value in card.trend)) for card in cards if card.name],
            "lines": lines_of(found.consumers, found.events),
            "beats": [(beat, beat.seconds_ago <= ALIVE) for beat in found.heartbeats if beat.name == "sweep"],
        }
    if may["event"]:
        shown["latest"] = list(Event.objects.order_by("-pk")[:LATEST])
    if may["parkedkey"]:
        shown["parked"] = list(ParkedKey.objects.filter(state__in=ParkedKey.WAITING).order_by("-pk")[:LATEST])
    if may["run"]:
        open_runs = list(Run.objects.filter(state__in=Run.OPEN).order_by("-pk")[:LATEST])
        progress = runs.progress_of_all(open_runs) if open_runs else {}
        shown["runs"] = [(run, progress[run.pk]) for run in open_runs]
    if may["sagainstance"] and (measured := sagas.measured()):
        shown["sagas"] = {
            "running": sum(one.running for one in measured),
            "compensating": sum(one.compensating for one in measured),
            "troubled": sagas.troubled(LATEST) if any(one.troubled for one in measured) else [],
            "in_trouble": sum(one.troubled for one in measured),
        }
    if may["effect"]:
        shown["effects"] = list(Effect.objects.filter(state=Effect.State.UNKNOWN).order_by("begun_at")[:LATEST])
    if may["approval"]:
        shown["approvals"] = list(Approval.objects.filter(state=Approval.State.PENDING).order_by("due_at", "requested_at")[:LATEST])
    if may["alert"]:
        shown["alerts"] = list(Alert.objects.filter(state=Alert.State.OPEN).order_by("raised_at")[:LATEST])
    return shown


def cards_of(found: health.Overview, request: HttpRequest) -> list[Card]:
    """The four numbers that say whether all is well."""
    outbox, slowest, dead = found.outbox, found.slowest, found.dead_letters
    stopped = len(found.stopped_relays)
    lag = slowest.lag_events if slowest else 0
    return [
        Card(
            "Events / s",
            f"{found.rate.per_second:.1f}",
            f"{roughly(found.events)} in the log",
            "info",
            [float(n) for n in found.rate.series],
        ),
        Card(
            "Outbox lag",
            duration(outbox.oldest_seconds) if outbox.waiting else "0",
            f"the relay stopped in {stopped} partitions" if stopped else f"{outbox.waiting:,} events wait for the relay",
            _tone(outbox.oldest_seconds, bad=bool(stopped)),
            trail(request, "outbox", outbox.waiting),
            name="outbox",
        ),
        Card(
            "Worst lag",
            f"{lag:,}",
            f"{slowest.name} is {duration(slowest.lag_seconds)} behind" if slowest else "everyone is up to date",
            _tone(slowest.lag_seconds if slowest else 0),
            trail(request, "lag", lag),
            url=reverse("admin:eventstore_consumerstate_changelist"),
            name="lag",
        ),
        Card(
            "Dead letters",
            f"{dead.dead:,}",
            f"{dead.retrying:,} more are being retried" if dead.retrying else "nothing is being retried",
            "bad" if dead.dead else "warn" if dead.retrying else "ok",
            trail(request, "dead", dead.dead),
            url=reverse("admin:eventstore_failuregroup_changelist"),
            name="dead",
        ),
    ]


def trail(request: HttpRequest, name: str, value: float) -> list[float]:
    """The trend so far with one measurement more. The page carries it, so that no process has to remember."""
    found = []
    for text in request.GET.get(name, "").split(",")[-TRAIL + 1 :]:
        if text.isascii() and text.isdecimal() and len(text) < 16:
            found.append(float(text))
    return [*found, float(value)]


def _tone(seconds: float, *, bad: bool = False) -> str:
    return "bad" if bad or seconds > 60 else "warn" if seconds > 5 else "ok"
