"""Reading the log: holes stop the reader, the feed skips nothing."""

from django.db import connection
from django.test import TestCase

from eventstore.errors import LogHole
from eventstore.log import NEW, Position, append, current_position, partition_of, read_event, read_feed, read_partition, unit_of_work
from tests.eventstore.examples import Noted, Raised


def record(count: int, streams: int = 5) -> None:
    for number in range(count):
        with unit_of_work():
            append(f"counter-{number % streams}", [Raised(by=number)], expected=number // streams)


class Reading(TestCase):
    def test_a_reader_that_meets_a_hole_stops_and_says_so(self):
        record(3, streams=1)
        partition = partition_of("counter-0")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE eventstore_event DISABLE TRIGGER ALL")
            cursor.execute("DELETE FROM eventstore_event WHERE partition = %s AND position = 2", [partition])
            cursor.execute("ALTER TABLE eventstore_event ENABLE TRIGGER ALL")
        with self.assertRaisesMessage(LogHole, f"Partition {partition} has no event at position 2 though its head is 3"):
            read_partition(partition, 0, 10)

    def test_an_event_is_found_by_its_id(self):
        record(1)
        (event,) = read_partition(partition_of("counter-0"), 0, 1)
        self.assertEqual(read_event(event.id), event)


class Feed(TestCase):
    def collect(self, limit, names=()):
        position, found = Position({}), []
        while True:
            page, position = read_feed(position, limit, names)
            if not page:
                return found, position
            found += page

    def test_pages_of_any_size_give_every_event_once_and_streams_in_order(self):
        record(40)
        for limit in (1, 3, 7, 100):
            found, position = self.collect(limit)
            self.assertEqual(len({envelope.id for envelope in found}), 40, f"limit {limit}")
            self.assertEqual(len(found), 40)
            self.assertEqual(position, current_position())
            for stream in {envelope.stream for envelope in found}:
                versions = [envelope.version for envelope in found if envelope.stream == stream]
                self.assertEqual(versions, sorted(versions))

    def test_names_narrow_it_down_and_the_rest_counts_as_seen(self):
        record(6)
        with unit_of_work():
            append("notes-1", [Noted(text="here")], expected=NEW)
        found, position = self.collect(2, ["test.noted"])
        self.assertEqual([envelope.event for envelope in found], [Noted(text="here")])
        self.assertEqual(position, current_position())
