"""The doctor finds what is wrong, each in its own words, and is quiet about the rest."""

from typing import Any
from unittest.mock import patch

import psycopg
from django.db import OperationalError, connection
from django.test import TestCase

from eventstore import health
from eventstore.delivery import drain, relay_partition, transport
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.doctor import Report, consumers, log, postgres, schemas, software, streams, workers
from eventstore.errors import TransportDown
from eventstore.log import partition_of
from eventstore.messages import Event, event
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.eventstore.delivery.test_epochs import restore
from tests.eventstore.management.calling import Called
from tests.eventstore.schemas.declaring import another_release, forget
from tests.eventstore.test_health import backdate

STREAM = "counter-1"
LANE = partition_of(STREAM)


class Doctor(TestCase):
    def found(self, look: Any, level: str = "finding") -> list[Report]:
        return [report for report in look() if report.level == level]

    def the(self, look: Any, level: str = "finding") -> Report:
        (report,) = self.found(look, level)
        self.assertTrue(report.fix.endswith((".", "…")), report.fix)
        return report


class Postgres(Doctor):
    def test_this_one_is_fit(self):
        for look in (software.versions, postgres.server, postgres.clock, postgres.transactions):
            self.assertEqual(self.found(look), [])

    def test_versions_outside_the_range_are_told(self):
        answers = {"server_version": "14.9", "server_version_num": "140009"}
        real = postgres.setting
        with patch.object(postgres, "setting", lambda name: answers.get(name) or real(name)):
            self.assertIn("needs 15 to 18", self.the(postgres.server).fact)
            answers |= {"server_version": "19.1", "server_version_num": "190001"}
            self.assertIn("tried on 15 to 18", self.the(postgres.server, "advice").fact)
        with patch("django.VERSION", (6, 0, 0, "final", 0)):
            self.assertIn("written for 5.2", self.the(software.versions).fact)

    def test_a_commit_that_does_not_wait_is_told(self):
        execute("SET LOCAL synchronous_commit = off")
        self.assertIn("synchronous_commit", {report.what for report in self.found(postgres.durability)})

    def test_a_session_in_another_zone_or_isolation_is_told(self):
        execute("SET LOCAL TimeZone = 'Asia/Tokyo'")
        self.assertEqual(self.the(postgres.server).what, "TimeZone")

    def test_clocks_that_disagree_are_told(self):
        with patch("eventstore.doctor.postgres.time.time", return_value=0.0):
            self.assertEqual(self.the(postgres.clock).what, "clock")

    def test_whoever_sits_in_a_transaction_is_told(self):
        given = connection.get_connection_params()
        given = {name: given[name] for name in ("dbname", "user", "password", "host", "port") if given.get(name)}
        with psycopg.connect(**given, application_name="a-forgotten-shell") as other, patch.object(postgres, "IDLE_SECONDS", -1):
            other.execute("SELECT 1")
            self.assertIn("a-forgotten-shell", self.the(postgres.transactions).fact)


class Log(Doctor):
    def test_this_one_is_sound(self):
        record(STREAM)
        for look in (log.layout, log.triggers):
            self.assertEqual(self.found(look), [])

    def test_what_is_missing_is_told(self):
        execute("DELETE FROM django_migrations WHERE app = 'eventstore' AND name = '0002_storage'")
        execute("DELETE FROM eventstore_partition WHERE id = 15")
        migrations, partitions = self.found(log.layout)
        self.assertIn("eventstore.0002_storage", migrations.fact)
        self.assertIn("made with 15", partitions.fact)

    def test_a_guard_that_was_switched_off_is_told_and_that_it_lets_changes_through(self):
        record(STREAM)
        execute("ALTER TABLE eventstore_event DISABLE TRIGGER USER")
        changes, emptying, guard = self.found(log.triggers)
        self.assertIn("append_only of eventstore_event is disabled", changes.fact)
        self.assertIn("never_emptied of eventstore_event is disabled", emptying.fact)
        self.assertIn("went through", guard.fact)

    def test_an_account_that_could_switch_it_off_is_advised(self):
        self.assertIn("is a superuser", self.the(log.rights, "advice").fact)
        execute("CREATE ROLE appender")
        execute("GRANT SELECT, INSERT ON eventstore_event TO appender")
        execute("SET LOCAL ROLE appender")
        self.assertEqual(self.found(log.rights, "advice"), [])
        self.assertIn("may read and append", next(report.fact for report in log.rights()))


class Schemas(Doctor):
    def test_what_is_not_published_is_advised_and_what_breaks_readers_is_found(self):
        self.assertIn("not published", self.the(schemas.registry, "advice").fact)
        Called("publish_schemas")
        self.assertEqual(self.found(schemas.registry), [])
        with another_release():
            forget("orders.order_cancelled")
            event("orders.order_cancelled", version=2)(type("OrderCancelled", (Event,), {"__module__": "orders.events"}))
            self.assertIn("would break readers: orders.order_cancelled version 2", self.the(schemas.registry).fact)


class Streams(Doctor):
    def setUp(self):
        transport().flush()  # what tests before left there is beyond a log that is empty again

    def test_a_server_that_is_away_or_old_or_forgetful_is_told(self):
        with patch.object(MemoryStreams, "facts", side_effect=TransportDown(reason="gone fishing")):
            self.assertIn("gone fishing", self.the(streams.server).fact)
        with patch.object(MemoryStreams, "facts", return_value={"server": "redis", "version": "6.2.7"}):
            self.assertIn("needs Redis 7", self.the(streams.server).fact)
        forgetful = {"server": "valkey", "version": "9.1.2", "maxmemory_policy": "allkeys-lru"}
        with patch.object(MemoryStreams, "facts", return_value=forgetful):
            self.assertIn("allkeys-lru", self.the(streams.server).fact)

    def test_a_stream_that_holds_what_the_log_lost_is_told_before_the_relay_looked(self):
        told = MemoryStreams()
        for module in ("delivery.epochs", "delivery.relay", "delivery.runner", "delivery.wakeups", "doctor.streams"):
            using = patch(f"eventstore.{module}.transport", return_value=told)
            using.start()
            self.addCleanup(using.stop)
        Recording(self)
        record(STREAM, 3)
        relay_partition(LANE)
        self.assertEqual(self.found(streams.tips), [])
        restore(2)
        self.assertIn(f"--new-epoch {LANE}", self.the(streams.tips).fix)

    def test_a_relay_that_stopped_is_told_with_its_reason(self):
        execute("UPDATE eventstore_relaycheckpoint SET stopped = 'because' WHERE partition = %s", [LANE])
        self.assertIn("because", self.the(streams.tips).fact)


class Workers(Doctor):
    def test_a_sweep_that_came_lately_says_that_all_are_alive(self):
        health.beat("sweep")
        self.assertEqual(self.found(workers.heartbeat), [])

    def test_without_one_it_says_who_is_missing(self):
        for answers, missing in ((None, "beat and worker"), (0, "worker"), (2, "beat")):
            with patch.object(workers, "_workers", return_value=answers):
                self.assertEqual(self.the(workers.heartbeat).what, missing)

    def test_events_that_nobody_publishes_are_told(self):
        record(STREAM, 2)
        self.assertEqual(self.found(workers.relay), [])
        backdate(120)
        self.assertIn("2 events not published, the oldest for 12", self.the(workers.relay).fact)


class Consumers(Doctor):
    def setUp(self):
        self.told = Recording(self)

    def test_whoever_is_far_behind_is_told(self):
        record(STREAM, 2)
        self.assertEqual(self.found(consumers.lags), [])
        backdate(120)
        self.assertIn("test.recording is 2 events behind", " ".join(report.fact for report in self.found(consumers.lags)))
        execute("UPDATE eventstore_consumerstate SET state = 'paused'")
        self.assertEqual(self.found(consumers.lags), [])
        self.assertIn("paused", self.found(consumers.lags, "advice")[0].fact)

    def test_code_and_database_that_know_different_consumers_are_told(self):
        self.assertEqual(self.found(consumers.declarations), [])
        execute("UPDATE eventstore_consumerstate SET name = 'test.renamed' WHERE name = 'test.recording'")
        missing, gone = sorted(self.found(consumers.declarations), key=lambda report: report.fact)
        self.assertIn("test.recording is in the code", missing.fact)
        self.assertIn("test.renamed has checkpoints", gone.fact)

    def test_keys_that_wait_for_a_person_are_told(self):
        def fail(envelope):
            raise ValueError("no")

        self.told.rule = fail
        record(STREAM)
        drain(self.told.consumer, LANE)
        self.assertEqual(self.found(consumers.dead_letters), [])
        self.assertIn("1 key failed", self.the(consumers.dead_letters, "advice").fact)
        execute("UPDATE eventstore_parkedkey SET state = 'dead'")
        self.assertIn("1 key waiting", self.the(consumers.dead_letters).fact)


class Commands(Doctor):
    def test_findings_end_with_code_3_and_a_fix_each(self):
        called = Called("doctor", "--json")
        self.assertEqual((called.code, called.json["complete"]), (3, True))
        bad = [report for report in called.json["reports"] if report["level"] == "finding"]
        self.assertEqual(called.json["findings"], len(bad))
        self.assertTrue(all(report["fix"] for report in bad))
        self.assertIn("fsync", {report["what"] for report in bad}, "the servers of a test run are fast and forgetful")
        self.assertIn("finding  fsync: It is off", Called("doctor").out)

    def test_without_findings_it_ends_with_0(self):
        with patch("eventstore.doctor.examination.LOOKS", (software.versions, streams.server)):
            called = Called("doctor")
        self.assertEqual((called.code, called.out.splitlines()[-1]), (0, "Everything is in order."))

    def test_without_a_database_it_could_not_look(self):
        def away():
            raise OperationalError("connection refused")

        with patch("eventstore.doctor.examination.LOOKS", (software.versions, away)):
            called = Called("doctor", "--json")
        self.assertEqual((called.code, called.json["complete"]), (1, False))
        self.assertIn("connection refused", called.complaint)
