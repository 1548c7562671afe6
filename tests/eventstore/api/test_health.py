"""What machines are told: alive, ready, and the numbers."""

import threading
import time
from unittest.mock import patch

from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import TestCase, override_settings
from prometheus_client.parser import text_string_to_metric_families

from eventstore import health
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.errors import TransportDown
from eventstore.log import partition_of
from tests.eventstore.delivery.recording import Recording, execute, record


class Probes(TestCase):
    def checks(self, status):
        answer = self.client.get("/readyz")
        self.assertEqual(answer.status_code, status)
        self.assertIn("no-store", answer["Cache-Control"])
        told = answer.json()
        return told["status"], {check["name"]: check.get("detail", "") for check in told["checks"]}

    def test_a_process_that_answers_is_alive_whatever_the_database_does(self):
        with self.assertNumQueries(0):
            self.assertEqual(self.client.get("/livez").json(), {"status": "alive"})

    def test_everything_in_place_is_ready(self):
        self.assertEqual(self.checks(200), ("ready", {"database": "", "migrations": "", "layout": "", "streams": ""}))

    def test_without_redis_it_is_degraded_and_still_ready(self):
        with patch.object(MemoryStreams, "top", side_effect=TransportDown(reason="gone fishing")):
            status, checks = self.checks(200)
        self.assertEqual(status, "degraded")
        self.assertIn("gone fishing", checks["streams"])

    def test_without_the_database_it_is_not_ready_and_does_not_say_where_that_is(self):
        away = patch("eventstore.health._ask_database", side_effect=OperationalError("host db.internal refused"))
        with away, self.assertLogs("eventstore.api.health", "WARNING") as told:
            status, checks = self.checks(503)
        self.assertEqual(status, "not ready")
        self.assertNotIn("internal", str(checks))
        self.assertIn("db.internal", told.records[0].__dict__["reason"])

    def test_a_database_that_hangs_keeps_nobody_waiting(self):
        answers, began = threading.Event(), time.monotonic()
        self.addCleanup(answers.set)
        with patch("eventstore.health._ask_database", side_effect=lambda: answers.wait(20)):
            for _ in range(2):  # the second one finds the first still hanging
                self.assertEqual(self.checks(503)[0], "not ready")
        self.assertLess(time.monotonic() - began, 4)

    def test_a_database_that_is_away_keeps_nobody_waiting_for_the_pool(self):
        nobody = {**connection.settings_dict, "HOST": "127.0.0.1", "PORT": "1", "NAME": "x"}
        nobody["OPTIONS"] = nobody["OPTIONS"] | {"pool": {"min_size": 0, "max_size": 1, "timeout": 10}}
        away = DatabaseWrapper(nobody, "away")
        self.addCleanup(away.close_pool)
        began = time.monotonic()
        with patch.object(health, "connection", away):
            self.assertIn("nothing within", health.database_trouble())
        self.assertLess(time.monotonic() - began, 2)

    def test_a_missing_migration_is_not_ready(self):
        execute("DELETE FROM django_migrations WHERE app = 'eventstore' AND name = '0001_initial'")
        self.assertIn("eventstore.0001_initial", self.checks(503)[1]["migrations"])

    def test_another_number_of_partitions_is_not_ready(self):
        execute("DELETE FROM eventstore_partition WHERE id = 3")
        self.assertIn("made with 15", self.checks(503)[1]["layout"])

    def test_they_are_only_asked(self):
        for path in ("/livez", "/readyz", "/metrics"):
            self.assertEqual(self.client.head(path).status_code, 200)
            self.assertEqual(self.client.post(path).status_code, 405)


class Metrics(TestCase):
    def numbers(self, **headers):
        answer = self.client.get("/metrics", **headers)
        self.assertEqual(answer.status_code, 200)
        families = text_string_to_metric_families(answer.content.decode())
        return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}

    def test_they_are_the_numbers_of_the_database(self):
        Recording(self)
        record("counter-1", 3)
        health.beat("sweep")
        found = self.numbers()
        lane = str(partition_of("counter-1"))
        self.assertEqual(found["daybook_events_total", lane], 3)
        self.assertEqual(found["daybook_outbox_events", lane], 3)
        self.assertEqual(found["daybook_relay_stopped", lane], 0)
        self.assertEqual(found["daybook_consumer_lag_events", "consumer", "test.recording"], 3)
        self.assertEqual(found["daybook_parked_keys", "consumer", "dead", "test.recording"], 0)
        self.assertEqual(found["daybook_streams_up",], 1)
        self.assertLess(found["daybook_heartbeat_age_seconds", "sweep"], 5)

    def test_prometheus_may_ask_for_its_newer_format(self):
        answer = self.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        self.assertTrue(answer.content.endswith(b"# EOF\n"))
        self.assertIn("application/openmetrics-text", answer["Content-Type"])

    def test_they_cost_few_queries(self):
        with self.assertNumQueries(5):
            self.client.get("/metrics")

    @override_settings(METRICS_TOKEN="sesame")
    def test_with_a_token_they_are_for_its_bearer_only(self):
        self.assertEqual(self.client.get("/metrics").status_code, 401)
        self.assertEqual(self.client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code, 401)
        self.assertEqual(self.client.get("/metrics", headers={"Authorization": "Bearer sesame"}).status_code, 200)

    def test_without_the_database_there_are_none(self):
        with patch("eventstore.health.connection.cursor", side_effect=OperationalError("gone")):
            self.assertEqual(self.client.get("/metrics").status_code, 503)
