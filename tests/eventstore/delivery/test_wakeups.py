"""Hints: one for whoever has none on its way; the task that relays also projects, and leaves all others their hint."""

from unittest.mock import patch

from django.test import TestCase
from msgspec.structs import replace

from eventstore import tasks
from eventstore.conf import conf
from eventstore.delivery import reached, transport, wakeups
from eventstore.log import partition_of
from tests.eventstore.delivery.recording import Recording, record

STREAM = "counter-1"
LANE = partition_of(STREAM)


class Waking(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self)
        self.projecting = Recording(self, "test.projecting")
        self.projecting.consumer.shares_hint = True
        self.sent: list[tuple[str, list]] = []
        self.enterContext(patch.object(wakeups, "_send", lambda task, arguments, queue=None: self.sent.append((task, arguments))))
        self.enterContext(patch.object(wakeups, "conf", lambda: replace(conf(), WAKE=True)))

    def test_a_hint_that_is_on_its_way_is_not_sent_again(self):
        wakeups.wake_relay([LANE])
        wakeups.wake_relay([LANE, LANE + 1])
        self.assertEqual(self.sent, [("eventstore.relay", [LANE]), ("eventstore.relay", [LANE + 1])])

    def test_whoever_relays_projects_at_once_and_sends_hints_to_the_others(self):
        record(STREAM, 3)
        tasks.relay(LANE)
        self.assertEqual(self.sent, [("eventstore.consume", [LANE, ["test.recording"]])])
        self.assertEqual(reached("test.projecting").heads[LANE], 3)
        self.assertEqual(reached("test.recording").heads[LANE], 0)

    def test_what_comes_after_a_projection_was_made_wakes_it_again(self):
        for count in (3, 4):
            record(STREAM, 1 if count == 4 else 3)
            tasks.relay(LANE)
            self.assertEqual(reached("test.projecting").heads[LANE], count)

    def test_while_there_is_more_to_publish_projections_are_left_to_another_worker(self):
        record(STREAM, 3)
        with patch("eventstore.delivery.relay.conf", lambda: replace(conf(), BATCH=1)):
            tasks.relay(LANE)
        self.assertIn(("eventstore.consume", [LANE, ["test.projecting"]]), self.sent)
