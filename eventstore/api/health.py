"""Three questions of machines: does the process answer, can it work, how is everything going?"""

import logging
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from eventstore import health, sagas

log = logging.getLogger(__name__)


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else: a database that is away is no reason to kill this process."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests may come here, check by check. Without Redis it is degraded, yet ready: the log goes on."""
    checks = {"database": _database_trouble()}
    if not checks["database"]:
        checks["migrations"] = _migrations_trouble()
    if not any(checks.values()):
        checks["layout"] = health.layout_trouble()
    ready = not any(checks.values())
    checks["streams"] = health.transport_trouble()
    status = "not ready" if not ready else "degraded" if checks["streams"] else "ready"
    told = [{"name": name, "ok": not trouble} | ({"detail": trouble} if trouble else {}) for name, trouble in checks.items()]
    return JsonResponse({"status": status, "checks": told}, status=200 if ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics. With METRICS_TOKEN set only for its bearer."""
    token = settings.METRICS_TOKEN
    if token and not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return HttpResponse("The metrics need METRICS_TOKEN as a bearer token.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        return HttpResponse(encode(_registry), content_type=content_type)
    except Error as error:
        log.warning("metrics_unavailable", extra={"reason": f"{type(error).__name__}: {error}"})
        return HttpResponse("The database did not answer.\n", status=503, content_type="text/plain")


def _database_trouble() -> str:
    if reason := health.database_trouble():
        # The reason names hosts and accounts: it goes to the log, not to whoever asks.
        log.warning("database_down", extra={"reason": reason})
        return "PostgreSQL did not answer; the log has the reason."
    return ""


def _migrations_trouble() -> str:
    missing = health.missing_migrations()
    return f"{len(missing)} migrations are not applied, the first is {missing[0]}: run manage.py migrate." if missing else ""


class Numbers(Collector):
    """What the database knows. Every process tells the same, so any may be asked and none needs a shared directory.

    Nothing is counted in this process: with several of them such numbers would depend on who answers.
    """

    def describe(self) -> Iterable[Metric]:
        return []  # the registry would otherwise ask the database when this module is imported

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("daybook", "The running code.", {"version": settings.CODE_VERSION})
        yield GaugeMetricFamily("daybook_streams_up", "Whether Redis answers.", float(not health.transport_trouble()))
        yield from _log_numbers()
        yield from _consumer_numbers()
        yield from _saga_numbers()
        yield GaugeMetricFamily("daybook_alerts_open", "Things that should have followed and did not.", float(health.alerts().open))
        yield GaugeMetricFamily("daybook_approvals_pending", "Questions that wait for a second person.", float(health.pending_approvals()))
        age = GaugeMetricFamily("daybook_heartbeat_age_seconds", "Since a task of the timetable last ran.", labels=["task"])
        for heartbeat in health.heartbeats():
            age.add_metric([heartbeat.name], heartbeat.seconds_ago)
        yield age


def _log_numbers() -> list[Metric]:
    by = ["partition"]
    events = CounterMetricFamily("daybook_events", "Events recorded.", labels=by)
    waiting = GaugeMetricFamily("daybook_outbox_events", "Events that wait for the relay.", labels=by)
    oldest = GaugeMetricFamily("daybook_outbox_oldest_seconds", "Age of the oldest event that waits for the relay.", labels=by)
    stopped = GaugeMetricFamily("daybook_relay_stopped", "1 where the relay stopped and needs a person.", labels=by)
    repairs = CounterMetricFamily("daybook_relay_repairs", "Times a stream had lost entries that were published again.", labels=by)
    for lane in health.lanes():
        where = [str(lane.partition)]
        events.add_metric(where, lane.head)
        waiting.add_metric(where, lane.waiting)
        oldest.add_metric(where, lane.oldest_seconds)
        stopped.add_metric(where, float(bool(lane.stopped)))
        repairs.add_metric(where, lane.repairs)
    return [events, waiting, oldest, stopped, repairs]


def _consumer_numbers() -> list[Metric]:
    by = ["consumer", "kind"]
    running = GaugeMetricFamily("daybook_consumer_running", "1 unless paused, or in the code only.", labels=by)
    lag = GaugeMetricFamily("daybook_consumer_lag_events", "Events that a consumer has not taken.", labels=by)
    seconds = GaugeMetricFamily("daybook_consumer_lag_seconds", "Age of the oldest event that a consumer has not taken.", labels=by)
    fallbacks = CounterMetricFamily("daybook_consumer_fallbacks", "Batches read from the log instead of the stream.", labels=by)
    parked = GaugeMetricFamily("daybook_parked_keys", "Keys that wait because an event of them failed.", labels=[*by, "state"])
    for consumer in health.consumers():
        who = [consumer.name, consumer.kind]
        running.add_metric(who, float(consumer.state == "running"))
        lag.add_metric(who, consumer.lag_events)
        seconds.add_metric(who, consumer.lag_seconds)
        fallbacks.add_metric(who, consumer.fallbacks)
        parked.add_metric([*who, "retrying"], consumer.parked)
        parked.add_metric([*who, "dead"], consumer.dead)
    return [running, lag, seconds, fallbacks, parked]


def _saga_numbers() -> list[Metric]:
    going = GaugeMetricFamily("daybook_sagas", "Sagas that are not over.", labels=["saga", "status"])
    troubled = GaugeMetricFamily("daybook_sagas_troubled", "Sagas that wait for a person, over or not.", labels=["saga"])
    for one in sagas.measured():
        going.add_metric([one.saga, "running"], one.running)
        going.add_metric([one.saga, "compensating"], one.compensating)
        troubled.add_metric([one.saga], one.troubled)
    sent = sagas.pending()
    return [
        going,
        troubled,
        GaugeMetricFamily("daybook_saga_commands_waiting", "Commands of sagas that are not carried out yet.", sent.commands),
        GaugeMetricFamily("daybook_saga_commands_oldest_seconds", "Since the oldest of them was sent.", sent.oldest_seconds),
        GaugeMetricFamily("daybook_saga_commands_overdue_seconds", "Since one of them is due and nobody begins it.", sent.overdue_seconds),
        GaugeMetricFamily("daybook_saga_deadlines_overdue", "Deadlines of sagas that passed and were not fired.", sent.deadlines),
    ]


_registry = CollectorRegistry()
_registry.register(Numbers())

urlpatterns = [path("livez", livez), path("readyz", readyz), path("metrics", metrics)]
