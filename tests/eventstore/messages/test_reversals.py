"""Every event says how it is undone, or why nothing can undo it; who says neither is told at start."""

from unittest.mock import patch

from django.test import SimpleTestCase

from eventstore.checks import every_event_says_how_it_is_reversed
from eventstore.errors import NameTaken
from eventstore.messages import irreversible, registered_events, reversal_of, reverses
from eventstore.messages import reversals as declared
from orders.events import OrderCancelled, OrderPlaced


class Declaring(SimpleTestCase):
    def test_every_event_of_our_apps_has_said_it(self):
        self.assertEqual(every_event_says_how_it_is_reversed(), [])

    def test_an_event_that_says_neither_is_told_at_start(self):
        with patch.dict(declared._reversals):
            del declared._reversals["orders.order_placed"]
            (mistake,) = every_event_says_how_it_is_reversed()
        self.assertEqual(mistake.id, "eventstore.E006")
        self.assertIn("@reverses(OrderPlaced)", mistake.hint)

    def test_it_is_said_once(self):
        with self.assertRaises(NameTaken):
            irreversible(OrderPlaced, because="so")
        with self.assertRaises(NameTaken):
            reverses(OrderCancelled)(lambda event, envelope, reason: None)

    def test_what_cannot_be_undone_says_what_to_do_instead(self):
        for name in registered_events():
            reversal = reversal_of(name)
            if reversal and reversal.command is None:
                with self.subTest(name):
                    self.assertRegex(reversal.because, r"^[A-Z].{8,}\.$")
