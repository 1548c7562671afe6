"""A unit of work: what it records, and what it says when it is used wrongly."""

from uuid import uuid4

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase

from eventstore.context import acting
from eventstore.errors import EventIdReused, NestedTransaction, NotInUnitOfWork, StreamMoved, UnregisteredEvent
from eventstore.log import ANY, NEW, append, partition_of, read_stream, unit_of_work
from eventstore.messages import Event
from eventstore.models import Partition
from tests.eventstore.examples import Noted, Raised


class Appending(TestCase):
    def test_events_get_versions_without_gaps_and_dense_positions(self):
        with unit_of_work() as work:
            self.assertEqual(append("counter-1", [Raised(), Raised(by=2)], expected=NEW), 2)
            self.assertEqual(append("counter-1", [Raised(by=3)], expected=2), 3)
        found = read_stream("counter-1")
        self.assertEqual([envelope.version for envelope in found], [1, 2, 3])
        self.assertEqual([envelope.event.by for envelope in found], [1, 2, 3])
        partition = partition_of("counter-1")
        self.assertEqual([envelope.position for envelope in found], [1, 2, 3])
        self.assertEqual(str(work.position), f"{partition}-3")

    def test_nothing_is_recorded_when_the_block_fails(self):
        with self.assertRaises(ZeroDivisionError), unit_of_work():
            append("counter-1", [Raised()], expected=NEW)
            1 / 0  # noqa: B018
        self.assertEqual(read_stream("counter-1"), [])
        self.assertEqual(Partition.objects.get(id=partition_of("counter-1")).head, 0)

    def test_an_inner_unit_of_work_joins_the_outer_one(self):
        with unit_of_work() as outer:
            with unit_of_work() as inner:
                append("counter-1", [Raised()], expected=NEW)
            self.assertIsNone(inner.position)
            self.assertEqual(read_stream("counter-1"), [], "events are the last statements of the outer one")
        self.assertEqual(inner.position, outer.position)
        self.assertEqual(len(read_stream("counter-1")), 1)

    def test_any_version_takes_the_one_that_is_there(self):
        for expected in (1, 2, 3):
            with unit_of_work():
                self.assertEqual(append("notes", [Noted(text="…")], expected=ANY), expected)

    def test_every_event_says_who_and_why(self):
        with acting(actor="key:shop", correlation="story", causation="request"), unit_of_work():
            append("counter-1", [Raised()], expected=NEW)
        (found,) = read_stream("counter-1")
        self.assertEqual(found.facts, {"actor": "key:shop", "correlation": "story", "causation": "request"})

    def test_events_of_one_unit_share_a_story_when_nobody_named_one(self):
        with unit_of_work():
            append("counter-1", [Raised()], expected=NEW)
            append("counter-2", [Raised()], expected=NEW)
        (first,), (second,) = read_stream("counter-1"), read_stream("counter-2")
        self.assertEqual(first.correlation, second.correlation)

    def test_an_event_with_a_known_id_and_the_same_content_is_the_same_write(self):
        event_id = uuid4()
        for _ in range(2):
            with unit_of_work():
                version = len(read_stream("counter-1"))
                append("counter-1", [Raised()], expected=version, ids=[event_id])
        self.assertEqual(len(read_stream("counter-1")), 1)

    def test_a_known_id_with_other_content_names_both(self):
        event_id = uuid4()
        with unit_of_work():
            append("counter-1", [Raised()], expected=NEW, ids=[event_id])
        with self.assertRaisesMessage(EventIdReused, "test.raised in counter-1"), unit_of_work():
            append("counter-1", [Noted(text="other")], expected=1, ids=[event_id])


class Misuse(TestCase):
    def test_appending_outside_a_unit_of_work(self):
        with self.assertRaisesMessage(NotInUnitOfWork, "Events of counter-1 were appended outside a unit of work"):
            append("counter-1", [Raised()], expected=NEW)

    def test_the_same_version_twice_in_one_unit(self):
        with self.assertRaisesMessage(StreamMoved, "Stream counter-1 is no longer at version 0"), unit_of_work():
            append("counter-1", [Raised()], expected=NEW)
            append("counter-1", [Raised()], expected=NEW)

    def test_an_old_version(self):
        with unit_of_work():
            append("counter-1", [Raised()], expected=NEW)
        with self.assertRaisesMessage(StreamMoved, "Stream counter-1 is no longer at version 0"), unit_of_work():
            append("counter-1", [Raised()], expected=NEW)

    def test_a_version_that_does_not_exist_yet_would_leave_a_gap(self):
        with self.assertRaisesMessage(StreamMoved, "Stream counter-1 is no longer at version 7"), unit_of_work():
            append("counter-1", [Raised()], expected=7)
        self.assertEqual(read_stream("counter-1"), [])

    def test_a_class_without_a_name(self):
        class Nameless(Event):
            """Not registered."""

        with self.assertRaisesMessage(UnregisteredEvent, "has no permanent name"), unit_of_work():
            append("counter-1", [Nameless()], expected=NEW)


class Transactions(TransactionTestCase):
    def test_a_unit_of_work_is_the_outermost_transaction(self):
        with (
            self.assertRaisesMessage(NestedTransaction, "A unit of work began inside another transaction"),
            transaction.atomic(),
            unit_of_work(),
        ):
            append("counter-1", [Raised()], expected=NEW)

    def test_a_recorded_event_cannot_be_changed_or_deleted(self):
        with unit_of_work():
            append("counter-1", [Raised()], expected=NEW)
        for statement in ("UPDATE eventstore_event SET data = '{}'", "DELETE FROM eventstore_event"):
            with self.subTest(statement), self.assertRaisesMessage(Exception, "Cannot"), connection.cursor() as cursor:
                cursor.execute(statement)
        self.assertEqual(len(read_stream("counter-1")), 1)
