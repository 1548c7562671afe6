"""manage.py check_history: what the log holds, and whether today's code reads it."""

import random

from django.db import connection
from django.test import TestCase

from eventstore.log import ANY, Kind, append, kinds, sample, unit_of_work
from eventstore.log.kinds import LATER, NAMES
from eventstore.messages import Event, class_of, downcasts, event, publish, upcasts
from tests.eventstore.examples import Noted, Raised
from tests.eventstore.management.calling import Called
from tests.eventstore.schemas.declaring import another_release, forget


class CheckHistory(TestCase):
    def setUp(self):
        self.enterContext(another_release())
        with unit_of_work():
            append("counter-1", [Raised(by=number) for number in range(1, 31)], expected=ANY)
            append("counter-2", [Noted(text="a")], expected=ANY)

    def release(self, version: int, **fields: type) -> None:
        """The next release has the event with other fields."""
        forget("test.raised")
        event("test.raised", version=version)(type("Raised", (Event,), {"__annotations__": fields}))

    def test_what_reads_is_in_order(self):
        called = Called("check_history")
        self.assertEqual(called.code, 0)
        self.assertIn("test.raised version 1: 20 looked at", called.out)
        self.assertIn("Today's code reads them all.", called.out)

    def test_an_upcaster_that_was_forgotten_is_named(self):
        self.release(2, amount=int)
        called = Called("check_history")
        self.assertEqual((called.code, called.complaint), (3, "20 events do not read."))
        self.assertRegex(called.out, r"Event [0-9a-f-]{36} \(test\.raised version 1\): .*missing required field `amount`")
        self.assertIn('→ Write the upcaster: @upcasts("test.raised", version=1).', called.out)

    def test_an_upcaster_that_breaks_on_some_payloads_names_them_with_the_path(self):
        self.release(2, amount=int)
        upcasts("test.raised", version=1)(lambda old: {"amount": old["by"] if old["by"] < 30 else "many"})
        called = Called("check_history", "--json")
        (problem,) = [problem for looked in called.json for problem in looked["problems"]]
        self.assertEqual((called.code, problem["path"], problem["version"]), (3, "amount", 1))
        self.assertIn("Mend the upcasters from version 1 on", problem["fix"])

    def test_a_class_that_was_removed_and_a_version_from_the_future_are_told(self):
        forget("test.noted")
        self.release(2, by=int)
        upcasts("test.raised", version=1)(dict)
        with unit_of_work():
            append("counter-3", [class_of("test.raised", 2)(by=1)], expected=ANY)
        forget("test.raised")
        event("test.raised", version=1)(Raised)
        called = Called("check_history")
        self.assertIn('Bring the class back: @event("test.noted")', called.out)
        self.assertIn("it was written as version 2, and this code knows version 1", called.out)
        self.assertIn("Deploy the code that wrote it", called.out)

    def test_a_version_that_readers_outside_would_not_get_is_told(self):
        self.release(2, by=int)
        upcasts("test.raised", version=1)(dict)
        downcasts("test.raised", version=2)(lambda new: new["nowhere"])
        publish(class_of("test.raised", 2), versions=(1, 2))
        called = Called("check_history", "--sample", "3")
        self.assertIn("readers of version 1 would not get what was published", called.out)
        self.assertIn("Mend the down-converters from version 2 to 1", called.out)

    def test_the_sample_has_the_oldest_and_the_newest(self):
        found = [envelope.event.by for envelope in sample(Kind("test.raised", 1), 5, random.Random(7))]  # type: ignore[attr-defined]
        self.assertEqual((len(found), found[0], found[-1]), (5, 1, 30))
        self.assertEqual(len(sample(Kind("test.noted", 1), 5, random.Random(7))), 1)
        self.assertEqual(sample(Kind("test.nothing", 1), 5, random.Random(7)), [])

    def test_what_the_log_holds_is_found_by_steps_through_indexes(self):
        self.release(3, by=int)
        with unit_of_work():
            append("counter-4", [class_of("test.raised", 3)(by=1)], expected=ANY)
        self.assertEqual(kinds(), [Kind("test.noted", 1), Kind("test.raised", 1), Kind("test.raised", 3)])
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            for question, index in ((NAMES, "events_by_name"), (LATER, "events_of_later_versions")):
                cursor.execute(f"EXPLAIN {question}")
                self.assertIn(index, str(cursor.fetchall()))
