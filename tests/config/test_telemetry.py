"""Traces are switched on by OpenTelemetry's own variables, and cost nothing while nobody says a word."""

import os
import subprocess
import sys
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings
from opentelemetry import trace

from config import telemetry
from eventstore import tracing


class Wanted(SimpleTestCase):
    def test_the_environment_says_whether_and_where_to(self):
        for told, names in (
            ({}, []),
            ({"OTEL_TRACES_EXPORTER": "none"}, []),
            ({"OTEL_TRACES_EXPORTER": " console, otlp"}, ["console", "otlp"]),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ["otlp"]),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, []),
            ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "TRUE"}, []),
            ({"OTEL_SERVICE_NAME": "daybook"}, []),
        ):
            with self.subTest(told):
                self.assertEqual(telemetry.wanted(told), names)

    def test_an_exporter_that_is_not_there_is_told_with_the_fix(self):
        for told in ({}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}):
            with mock.patch.object(telemetry, "entry_points", return_value=[]), self.assertRaises(ImproperlyConfigured) as refused:
                telemetry.exporter_named("otlp", told)
            self.assertIn("pip install 'daybook[otel]'", str(refused.exception))

    def test_and_so_is_a_library_that_is_not_there(self):
        with mock.patch.dict(sys.modules, {"opentelemetry": None}), self.assertRaises(ImproperlyConfigured) as refused:
            telemetry.start({"OTEL_TRACES_EXPORTER": "console"})
        self.assertIn("not installed", str(refused.exception))


class Starting(SimpleTestCase):
    def setUp(self):
        self.addCleanup(tracing.record_with, None)

    def test_spans_for_people_go_to_stderr(self):
        with mock.patch.object(trace, "set_tracer_provider") as made:
            telemetry.start({"OTEL_TRACES_EXPORTER": "console"})
        self.addCleanup(made.call_args.args[0].shutdown)
        self.assertIsNotNone(tracing.recorder())

    @override_settings(CODE_VERSION="1.4")
    def test_it_is_called_daybook_unless_the_environment_says_otherwise(self):
        names = []
        for told in ({}, {"OTEL_SERVICE_NAME": "shop"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=till,deployment.environment=test"}):
            with mock.patch.dict(os.environ, told):
                provider = telemetry.make_provider([])
            self.assertEqual(provider.resource.attributes["service.version"], "1.4")
            names.append(provider.resource.attributes["service.name"])
        self.assertEqual(names, ["daybook", "shop", "till"])

    def test_a_provider_that_is_there_already_is_used(self):
        provider = telemetry.make_provider([])
        with (
            mock.patch.object(trace, "get_tracer_provider", return_value=provider),
            mock.patch.object(trace, "set_tracer_provider") as made,
        ):
            telemetry.start({})
        made.assert_not_called()
        self.assertIsNotNone(tracing.recorder())

    def test_a_process_that_nobody_traces_imports_nothing_for_it(self):
        asked = "import django, sys; django.setup(); print('eventstore.telemetry' in sys.modules)"
        env = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        said = subprocess.run(
            [sys.executable, "-c", asked],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=env | {"DJANGO_SETTINGS_MODULE": "config.test_settings"},
        )
        self.assertEqual(said.stdout.strip(), "False", said.stderr)
