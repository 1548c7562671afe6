"""Whether spans are recorded and where they go: said by the standard OTEL_* variables, and only where OpenTelemetry is installed.

OTEL_TRACES_EXPORTER (otlp, console or none) or OTEL_EXPORTER_OTLP_ENDPOINT switch it on; sampling, resource, limits and batches are
OpenTelemetry's own business. A TracerProvider that is there already, by `opentelemetry-instrument`, is used as it is.
"""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from celery.signals import worker_process_shutdown
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from eventstore.tracing import record_with

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
INSTALL = "run pip install 'daybook[otel]', or set OTEL_TRACES_EXPORTER=none"


def start(told: Mapping[str, str] = os.environ) -> None:
    """Record spans from now on, if somebody collects them; if not, not even an import. Raises ImproperlyConfigured."""
    names = wanted(told)
    api = sys.modules.get("opentelemetry.trace")  # redis-py imports it where it is installed; that alone says nothing
    if not names and (api is None or isinstance(api.get_tracer_provider(), api.ProxyTracerProvider)):
        return
    try:
        from opentelemetry import trace

        from eventstore.telemetry import OpenTelemetry

        known = trace.get_tracer_provider()
        if not isinstance(known, trace.ProxyTracerProvider):
            record_with(OpenTelemetry(known))
        elif names:
            provider = make_provider([exporter_named(name, told) for name in names])
            trace.set_tracer_provider(provider)
            record_with(OpenTelemetry(provider))
            # A pool's process ends without saying goodbye: what it has not sent yet would be lost.
            worker_process_shutdown.connect(lambda **_: provider.force_flush(), weak=False)
    except ImportError as error:
        raise ImproperlyConfigured(f"The environment asks for traces, but OpenTelemetry is not installed: {INSTALL}.") from error


def wanted(told: Mapping[str, str]) -> list[str]:
    """The exporters that the environment asks for."""
    names = [name.strip() for name in told.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if not names and any(told.get(endpoint) for endpoint in ENDPOINTS):
        names = ["otlp"]
    return [] if "none" in names or told.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" else names


def exporter_named(name: str, told: Mapping[str, str]) -> "SpanExporter":
    """An exporter by the name that its package gave it. Raises ImproperlyConfigured."""
    options: dict[str, Any] = {}
    if name == "console":
        options["out"] = sys.stderr  # stdout belongs to what a command was asked for
    if name == "otlp":
        protocol = next((told[variable] for variable in PROTOCOLS if told.get(variable)), "http/protobuf")
        name = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    known = {entry.name: entry for entry in entry_points(group="opentelemetry_traces_exporter")}
    if name not in known:
        raise ImproperlyConfigured(f"There is no exporter {name} for traces here ({', '.join(known) or 'none'} at hand): {INSTALL}.")
    exporter: SpanExporter = known[name].load()(**options)
    return exporter


def make_provider(exporters: "list[SpanExporter]") -> "TracerProvider":
    """A provider as the environment describes it; it is called daybook unless the environment says otherwise."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource.create({"service.name": "daybook", "service.version": settings.CODE_VERSION})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
