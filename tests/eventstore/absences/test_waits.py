"""What a rule remembers, told as stories; and that the order of deliveries does not matter."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

from django.test import SimpleTestCase
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventstore.absences import Wait, answer, begin

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALERT = UUID(int=99)


def after(wait: Wait, minute: int) -> Wait:
    return begin(wait, NOON + timedelta(minutes=minute), UUID(int=minute), HOUR)


def until(wait: Wait, minute: int) -> Wait:
    return answer(wait, NOON + timedelta(minutes=minute), HOUR)


class Waits(SimpleTestCase):
    def assertWaits(self, wait: Wait, minute: int) -> None:
        since = NOON + timedelta(minutes=minute)
        self.assertEqual((wait.since, wait.event_id, wait.due_at), (since, UUID(int=minute), since + HOUR))

    def assertRests(self, wait: Wait) -> None:
        self.assertEqual((wait.since, wait.due_at, wait.alert_id), (None, None, None))

    def test_a_question_waits_for_its_time(self):
        self.assertWaits(after(Wait(), 0), 0)

    def test_an_answer_ends_it(self):
        self.assertRests(until(after(Wait(), 0), 5))

    def test_an_answer_that_is_delivered_first_counts(self):
        self.assertRests(after(until(Wait(), 5), 0))

    def test_an_answer_to_something_earlier_does_not(self):
        self.assertWaits(until(after(Wait(), 5), 0), 5)
        self.assertWaits(after(until(Wait(), 0), 5), 5)

    def test_a_second_question_does_not_put_off_the_first(self):
        self.assertWaits(after(after(Wait(), 0), 30), 0)

    def test_one_answer_is_enough_for_all_questions_before_it(self):
        self.assertRests(until(after(after(Wait(), 0), 30), 31))

    def test_what_was_asked_after_the_answer_goes_on_waiting(self):
        self.assertWaits(until(after(after(Wait(), 0), 30), 10), 30)

    def test_an_earlier_question_that_comes_late_is_due_earlier(self):
        self.assertWaits(after(after(Wait(), 30), 0), 0)

    def test_nothing_is_due_twice_while_its_alert_is_open(self):
        raised = replace(after(Wait(), 10), due_at=None, alert_id=ALERT)
        for wait in (after(raised, 30), after(raised, 0)):
            self.assertEqual((wait.due_at, wait.alert_id), (None, ALERT))
        self.assertRests(until(raised, 11))

    def test_the_question_after_an_alert_has_a_time_of_its_own(self):
        raised = replace(after(Wait(), 0), due_at=None, alert_id=ALERT)
        wait = until(after(raised, 30), 10)
        self.assertWaits(wait, 30)
        self.assertIsNone(wait.alert_id)

    @given(st.lists(st.tuples(st.sampled_from([after, until]), st.integers(0, 50)), min_size=1, max_size=5, unique_by=lambda step: step[1]))
    def test_whether_something_waits_does_not_depend_on_the_order_of_deliveries(self, steps):
        asked = [minute for kind, minute in steps if kind is after]
        answered = [minute for kind, minute in steps if kind is until]
        open_ones = [minute for minute in asked if not any(other > minute for other in answered)]
        for order in permutations(steps):
            wait = Wait()
            for kind, minute in order:
                wait = kind(wait, minute)
            self.assertEqual(wait.since is not None, bool(open_ones), order)
            if open_ones:
                # Never early: a false alarm. Of several that an answer leaves open, one may count from the newest.
                self.assertGreaterEqual(wait.since, NOON + timedelta(minutes=min(open_ones)))
                self.assertLessEqual(wait.since, NOON + timedelta(minutes=max(open_ones)))
