"""Alerts on PostgreSQL: raised once when nothing followed in time, cleared when it did, whoever crashes or comes twice."""

from datetime import timedelta
from unittest.mock import patch

from django.db import connection
from django.test import TestCase

from eventstore import tasks
from eventstore.absences import Absence, acknowledge, all_absences, forget_answers, raise_due, sweeps
from eventstore.context import acting
from eventstore.delivery import drain, forget_consumer, pause, relay_partition, resume
from eventstore.errors import NameTaken, Refused, StreamMoved
from eventstore.log import partition_of, read_stream
from eventstore.models import Alert, Awaited, Checkpoint
from eventstore.runs import Selection, replay
from eventstore.testing import deliver_everything
from tests.eventstore.absences.ruled import HOUR, Ruled, let_pass, record, told
from tests.eventstore.examples import Noted, Raised


class OneStream(Ruled, TestCase):
    def test_what_is_followed_leaves_nothing_behind(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        self.assertEqual((Awaited.objects.count(), raise_due()), (1, 0))
        record("counter-1", Noted(text="a delivery"))
        deliver_everything()
        self.assertEqual((Awaited.objects.count(), Alert.objects.count()), (0, 0))

    def test_what_wants_no_answer_does_not_wait(self):
        record("counter-1", Raised(by=1), Noted(text="an answer to nothing"))
        deliver_everything()
        self.assertEqual(Awaited.objects.count(), 0)

    def test_what_is_not_followed_is_raised_once_and_cleared(self):
        record("counter-1", Raised(by=2), correlation="story-1")
        deliver_everything()
        let_pass(hours=1)
        self.assertEqual((raise_due(), raise_due()), (1, 0))
        alert = Alert.objects.get()
        cause = read_stream("counter-1")[0]
        self.assertEqual((alert.state, alert.event_id, alert.subject, alert.subject_version), ("open", cause.id, "counter-1", 1))
        self.assertRegex(alert.says, r"^counter-1 was raised \d seconds? ago and nobody said why\.$")
        raised = read_stream(alert.stream)[0]
        self.assertEqual((raised.actor, raised.correlation, raised.facts["causation"]), ("system:alerts", "story-1", str(cause.id)))
        record("counter-1", Noted(text="a delivery"), correlation="story-2")
        deliver_everything()
        alert.refresh_from_db()
        answer = read_stream("counter-1")[1]
        self.assertEqual((alert.state, alert.cleared_by, told(alert)), ("cleared", answer.id, ["raised", "cleared"]))
        self.assertEqual(read_stream(alert.stream)[1].facts["causation"], str(answer.id))
        self.assertEqual(Awaited.objects.count(), 0)

    def test_one_that_cannot_be_said_holds_up_no_other(self):
        for number in (1, 2):
            record(f"counter-{number}", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)

        def fail(rule, key, age):
            if key == "counter-1":
                raise LookupError(key)
            return key

        with patch.object(Absence, "sentence", fail):
            self.assertEqual(raise_due(), 1)
        self.assertEqual(raise_due(), 1)

    def test_the_next_one_is_another_alert(self):
        for _ in range(2):
            record("counter-1", Raised(by=2))
            deliver_everything()
            let_pass(hours=1)
            self.assertEqual(raise_due(), 1)
            record("counter-1", Noted(text="a delivery"))
            deliver_everything()
        self.assertEqual(Alert.objects.filter(state="cleared").count(), 2)

    def test_a_second_question_while_an_alert_is_open_raises_no_other(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        raise_due()
        record("counter-1", Raised(by=3))
        deliver_everything()
        let_pass(hours=2)
        self.assertEqual((raise_due(), Alert.objects.count()), (0, 1))

    def test_the_time_of_a_deadline_is_that_of_the_database(self):
        record("counter-1", Raised(by=2))
        with patch("eventstore.clock.now", side_effect=AssertionError("the clock of this process")):
            deliver_everything()
            let_pass(hours=1)
            self.assertEqual(raise_due(), 1)
        alert = Alert.objects.get()
        self.assertEqual(alert.since, read_stream("counter-1")[0].recorded_at)

    def test_a_rule_that_is_behind_raises_nothing_it_may_find_answered(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        pause("test.unexplained", "a test")
        record("counter-1", Noted(text="in time"))
        deliver_everything()
        # The answer was recorded before the deadline, and the rule has not seen it yet.
        with connection.cursor() as cursor:
            cursor.execute("UPDATE eventstore_awaited SET due_at = clock_timestamp()")
        self.assertEqual(raise_due(), 0)
        resume("test.unexplained", "a test")
        deliver_everything()
        self.assertEqual((raise_due(), Alert.objects.count(), Awaited.objects.count()), (0, 0, 0))

    def test_who_reads_the_log_once_more_raises_nothing_twice(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        raise_due()
        record("counter-1", Noted(text="late"))
        record("counter-2", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        raise_due()
        Checkpoint.objects.filter(consumer="test.unexplained").update(position=0)
        Awaited.objects.all().delete()
        deliver_everything()
        let_pass(hours=1)
        self.assertEqual(raise_due(), 0)
        self.assertEqual(sorted(Alert.objects.values_list("key", "state")), [("counter-1", "cleared"), ("counter-2", "open")])
        # And what it finds is the open alert again, to be cleared.
        record("counter-2", Noted(text="late"))
        deliver_everything()
        self.assertEqual(Alert.objects.filter(state="open").count(), 0)

    def test_a_deadline_that_was_met_in_the_past_is_not_raised_while_history_is_read(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        record("counter-1", Noted(text="in time"))
        deliver_everything()
        Checkpoint.objects.filter(consumer="test.unexplained").update(position=0)
        deliver_everything()
        self.assertEqual((raise_due(), Alert.objects.count()), (0, 0))

    def test_it_is_not_replayed(self):
        with self.assertRaisesMessage(Refused, "the time of what was recorded has passed"):
            replay("test.unexplained", Selection(), reason="again")

    def test_a_crash_between_event_and_row_leaves_neither(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        for broken in ("save", "append"):
            place = patch.object(Alert, "save") if broken == "save" else patch.object(sweeps, "append")
            with place as died, self.assertRaises(SystemExit):
                died.side_effect = SystemExit("killed")
                raise_due()
            self.assertEqual(Alert.objects.count(), 0)
        self.assertEqual(raise_due(), 1)
        self.assertEqual(told(Alert.objects.get()), ["raised"])

    def test_a_crash_while_it_is_cleared_clears_it_later(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        raise_due()
        record("counter-1", Noted(text="late"))
        with patch("eventstore.absences.memory.tell", side_effect=SystemExit("killed")), self.assertRaises(SystemExit):
            deliver_everything()
        self.assertEqual(told(Alert.objects.get()), ["raised"])
        deliver_everything()
        self.assertEqual(told(Alert.objects.get()), ["raised", "cleared"])

    def test_one_that_cannot_be_raised_holds_up_no_other(self):
        for number in range(3):
            record(f"counter-{number}", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        real = sweeps.read_event
        first = read_stream("counter-0")[0].id

        def fail(event_id):
            if event_id == first:
                raise StreamMoved(stream="counter-0", expected=1)
            return real(event_id)

        with patch.object(sweeps, "read_event", fail):
            self.assertEqual(raise_due(), 2)
        self.assertEqual(raise_due(), 1)

    def test_beat_calls_it(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        tasks.due()
        self.assertEqual(Alert.objects.count(), 1)


class AnyStream(Ruled, TestCase):
    """The answer stands in another stream, and may be delivered first."""

    crosses = True

    def deliver(self, *, first: str) -> None:
        """Deliver the partition of this stream before all others."""
        relay_partition(partition_of(first))
        drain(self.rule, partition_of(first))
        deliver_everything()

    def test_whichever_is_delivered_first(self):
        for number, first in ((1, "counter"), (2, "reason")):
            record(f"counter-{number}", Raised(by=2))
            record(f"reason-{number}", Noted(text="a delivery"))
            self.deliver(first=f"{first}-{number}")
        let_pass(hours=1)
        self.assertEqual((raise_due(), Awaited.objects.filter(since__isnull=False).count()), (0, 0))

    def test_an_answer_to_the_one_before_is_none(self):
        record("reason-1", Noted(text="an older one"))
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        self.assertEqual(raise_due(), 1)

    def test_answers_are_forgotten_after_a_week(self):
        record("reason-1", Noted(text="to nothing"))
        record("counter-2", Raised(by=2))
        deliver_everything()
        self.assertEqual(forget_answers(), 0)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE eventstore_awaited SET answered_at = answered_at - interval '8 days'")
        self.assertEqual(forget_answers(), 1)
        self.assertEqual(Awaited.objects.get().key, "2")


class Acknowledging(Ruled, TestCase):
    def setUp(self):
        super().setUp()
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        raise_due()
        self.alert = Alert.objects.get()

    def test_it_stays_open_and_says_who_knows_what(self):
        with acting(actor="staff:ben"):
            acknowledge(self.alert.pk, "the warehouse looks")
            acknowledge(self.alert.pk, "the warehouse looks")
        self.alert.refresh_from_db()
        self.assertEqual((self.alert.state, self.alert.acknowledged_by, self.alert.note), ("open", "staff:ben", "the warehouse looks"))
        self.assertEqual(told(self.alert), ["raised", "acknowledged"])
        record("counter-1", Noted(text="found"))
        deliver_everything()
        self.assertEqual(told(self.alert), ["raised", "acknowledged", "cleared"])

    def test_it_stays_in_its_story(self):
        with acting(actor="staff:ben", correlation="a click"):
            acknowledge(self.alert.pk, "seen")
        raised, seen = read_stream(self.alert.stream)
        self.assertEqual((seen.correlation, seen.facts["causation"]), (raised.correlation, str(raised.id)))

    def test_what_is_over_and_what_never_was(self):
        record("counter-1", Noted(text="found"))
        deliver_everything()
        for alert_id, note, code in ((self.alert.pk, "seen", "alert_cleared"), (read_stream("counter-1")[0].id, "seen", "alert_not_found")):
            with self.assertRaises(Refused) as caught:
                acknowledge(alert_id, note)
            self.assertEqual(caught.exception.code, code)

    def test_a_note_says_something(self):
        with self.assertRaisesMessage(Refused, "Say what you know"):
            acknowledge(self.alert.pk, " ")


class Declaring(TestCase):
    def declare(self, **options):
        self.addCleanup(forget_consumer, "test.rule")
        return Absence("test.rule", **{"after": Raised, "until": Noted, "within": HOUR, "says": "{key} waits."} | options)

    def test_a_rule_is_a_consumer(self):
        rule = self.declare()
        self.assertIn(rule, all_absences())
        self.assertEqual((rule.kind, rule.lanes, sorted(rule.handlers)), ("absence", "partition", ["test.noted", "test.raised"]))
        forget_consumer("test.rule")
        self.assertEqual(self.declare(key=lambda event, envelope: "x").lanes, "one")

    def test_an_event_is_question_or_answer(self):
        with self.assertRaises(NameTaken):
            self.declare(until=(Noted, Raised))

    def test_a_placeholder_that_nobody_fills_in_is_told_at_once(self):
        with self.assertRaises(KeyError):
            self.declare(says="{order} waits.")

    def test_ages_in_words(self):
        rule = self.declare(says="{age}")
        spans = [(1, "1 second"), (119, "119 seconds"), (900, "15 minutes"), (7200, "2 hours"), (200_000, "2 days")]
        for seconds, words in spans:
            self.assertEqual(rule.sentence("", timedelta(seconds=seconds)), words)
