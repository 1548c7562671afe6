"""How far behind everyone is, in numbers that are right and cost little."""

from unittest.mock import patch

from django.db import connection
from django.test import TestCase

from eventstore import health
from eventstore.delivery import drain, relay_partition, transport
from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.errors import TransportDown
from eventstore.log import partition_of
from eventstore.messages import Envelope
from tests.eventstore.delivery.recording import Recording, execute, record

STREAM = "counter-1"
LANE = partition_of(STREAM)


def backdate(seconds: float) -> None:
    """Let what was recorded until now have been recorded earlier; only a superuser in a test can."""
    execute("SET LOCAL session_replication_role = replica")
    execute("UPDATE eventstore_event SET recorded_at = recorded_at - %s * interval '1 second'", [seconds])
    execute("SET LOCAL session_replication_role = origin")


def fail(envelope: Envelope) -> None:
    raise ValueError("no")


class Lags(TestCase):
    def setUp(self):
        streams = transport()
        assert isinstance(streams, MemoryStreams)
        streams.flush()
        self.told = Recording(self)

    def consumer(self, name="test.recording"):
        return next(found for found in health.consumers() if found.name == name)

    def test_what_is_recorded_waits_until_it_is_published(self):
        record(STREAM, 3)
        backdate(60)
        waiting = health.outbox()
        self.assertEqual(waiting.waiting, 3)
        self.assertAlmostEqual(waiting.oldest_seconds, 60, delta=5)
        relay_partition(LANE)
        self.assertEqual(health.outbox(), health.Outbox(waiting=0, oldest_seconds=0.0))

    def test_a_consumer_is_behind_by_what_it_has_not_taken(self):
        record(STREAM, 3)
        backdate(60)
        behind = self.consumer()
        self.assertEqual((behind.kind, behind.state, behind.lag_events), ("consumer", "running", 3))
        self.assertAlmostEqual(behind.lag_seconds, 60, delta=5)
        drain(self.told.consumer, LANE)
        self.assertEqual((self.consumer().lag_events, self.consumer().lag_seconds), (0, 0.0))
        self.assertEqual(self.consumer().fallbacks, 1, "it read the log: nothing was published")

    def test_a_consumer_that_the_code_forgot_is_gone_and_one_without_rows_is_missing(self):
        execute("UPDATE eventstore_consumerstate SET name = 'test.renamed' WHERE name = 'test.recording'")
        self.assertEqual(self.consumer("test.renamed").kind, health.GONE)
        self.assertEqual(self.consumer().state, health.MISSING)
        self.assertIn("test.recording", health.layout_trouble())

    def test_keys_that_wait_are_counted_by_whether_a_person_is_needed(self):
        self.told.rule = fail
        record(STREAM)
        drain(self.told.consumer, LANE)
        self.assertEqual((self.consumer().parked, self.consumer().dead), (1, 0))
        execute("UPDATE eventstore_parkedkey SET state = 'dead'")
        self.assertEqual((self.consumer().parked, self.consumer().dead), (0, 1))
        letters = health.dead_letters()
        self.assertEqual((letters.retrying, letters.dead), (0, 1))
        self.assertIsNotNone(letters.last_parked_at)

    def test_a_stopped_relay_says_why(self):
        execute("UPDATE eventstore_relaycheckpoint SET stopped = 'because' WHERE partition = %s", [LANE])
        (lane,) = health.stopped_relays()
        self.assertEqual((lane.partition, lane.stopped), (LANE, "because"))

    def test_the_slowest_is_the_one_whose_oldest_event_is_oldest(self):
        self.assertIsNone(health.overview().slowest)
        record(STREAM)
        found = health.overview()
        self.assertEqual((found.events, found.outbox.waiting), (1, 1))
        self.assertEqual(found.slowest and found.slowest.lag_events, 1)


class Rates(TestCase):
    def test_events_are_counted_where_their_time_puts_them(self):
        record(STREAM, 2)
        record("counter-2", 1)
        backdate(32)
        record("counter-29", 4)
        backdate(5.5)
        record(STREAM, 1)
        found = health.rate(seconds=60, stretches=6)
        self.assertEqual(found.series, [0, 0, 3, 0, 0, 5])
        self.assertAlmostEqual(found.per_second, 8 / 60)

    def test_what_is_older_does_not_count(self):
        record(STREAM, 2)
        backdate(3600)
        self.assertEqual(health.rate().series, [0] * 12)

    def test_a_rate_looks_at_few_events_of_many(self):
        execute(
            """INSERT INTO eventstore_event
                   (id, partition, position, stream, version, name, schema_version, data, facts, occurred_at, recorded_at)
               SELECT gen_random_uuid(), 0, n, 's', n, 'test.raised', 1, '{}', '{}', now(), now() - (20000 - n) * interval '10 ms'
               FROM generate_series(1, 20000) n"""
        )
        execute("UPDATE eventstore_partition SET head = 20000 WHERE id = 0")
        execute("ANALYZE eventstore_event")
        self.assertEqual(health.rate(60, 6).series[:5], [1000] * 5)
        ((plan,),) = execute("EXPLAIN (ANALYZE, FORMAT JSON) " + health.STOOD_AT, [[60.0, 0.0]])
        self.assertNotIn("Seq Scan on eventstore_event", str(plan))
        self.assertNotIn("'Node Type': 'Seq Scan', 'Parent Relationship': 'Inner'", str(plan))


class Heartbeats(TestCase):
    def test_a_task_of_the_timetable_leaves_its_time(self):
        self.assertEqual(health.heartbeats(), [])
        health.beat("sweep")
        health.beat("sweep")
        (found,) = health.heartbeats()
        self.assertEqual(found.name, "sweep")
        self.assertLess(found.seconds_ago, 5)


class Trouble(TestCase):
    def test_there_is_none_when_all_is_laid_out(self):
        self.assertEqual((health.missing_migrations(), health.layout_trouble(), health.transport_trouble()), ([], "", ""))

    def test_another_number_of_partitions_is_not_accepted(self):
        execute("DELETE FROM eventstore_partition WHERE id = 15")
        self.assertIn("made with 15", health.layout_trouble())

    def test_a_migration_that_was_not_applied_is_named(self):
        execute("DELETE FROM django_migrations WHERE app = 'eventstore' AND name = '0002_storage'")
        self.assertEqual(health.missing_migrations(), ["eventstore.0002_storage"])

    def test_streams_that_are_away_are_told_and_not_waited_for(self):
        with patch.object(MemoryStreams, "top", side_effect=TransportDown(reason="gone fishing")):
            self.assertIn("gone fishing", health.transport_trouble())

    def test_numbers_cost_a_handful_of_queries(self):
        with self.assertNumQueries(6):
            health.overview()
        self.assertEqual(connection.vendor, "postgresql")
