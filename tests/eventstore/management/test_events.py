"""manage.py events: what happened, newest last."""

import threading

from django.test import TestCase

from eventstore.log import current_position
from eventstore.management.commands.events import following
from tests.eventstore.delivery.recording import record
from tests.eventstore.management.calling import Called


class Events(TestCase):
    def shown(self, *words):
        return [(line["stream"], line["version"]) for line in Called("events", "--json", *words).lines]

    def test_the_newest_come_last(self):
        record("counter-1", 2)
        record("counter-2", 1)
        record("counter-1", 1)
        self.assertEqual(self.shown(), [("counter-1", 1), ("counter-1", 2), ("counter-2", 1), ("counter-1", 3)])
        self.assertEqual(self.shown("--limit", "2"), [("counter-2", 1), ("counter-1", 3)])

    def test_of_one_stream_or_of_one_name(self):
        record("counter-1", 2)
        record("counter-2", 1)
        self.assertEqual(self.shown("--stream", "counter-1", "--limit", "1"), [("counter-1", 2)])
        self.assertEqual(len(self.shown("--name", "test.raised")), 3)
        self.assertEqual(self.shown("--name", "test.noted"), [])

    def test_a_line_for_people_says_when_where_what_and_who(self):
        record("counter-1", 1)
        self.assertRegex(Called("events").out, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+  \d+-1 +test\.raised +counter-1 v1  system$")

    def test_a_misspelt_name_is_told_what_was_meant(self):
        called = Called("events", "--name", "test.raisd")
        self.assertEqual(called.code, 2)
        self.assertIn("There is no event named test.raisd. Did you mean test.raised?", called.complaint)

    def test_followers_are_told_what_comes_and_nothing_twice(self):
        record("counter-1", 2)
        here = current_position()
        record("counter-1", 1)
        record("counter-2", 2)
        stop = threading.Event()
        seen = []
        for envelope in following(here, "", "", stop):
            seen.append((envelope.stream, envelope.version))
            if len(seen) == 3:
                stop.set()
        self.assertEqual(sorted(seen), [("counter-1", 3), ("counter-2", 1), ("counter-2", 2)])
