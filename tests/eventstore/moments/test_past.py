"""A stream as of a version, a position or a time is what it was then; whether that can still change is told."""

import threading
from datetime import timedelta
from unittest.mock import patch

from django.db import connection
from django.test import TestCase, TransactionTestCase, tag
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyCase

from eventstore.errors import Refused
from eventstore.log import NEW, Position, append, current_position, partition_of, read_stream, unit_of_work, units_of_work
from eventstore.messages import upcasting
from eventstore.messages.events import _names
from eventstore.moments import Moment, UnreadableMoment, as_of, compare, cut_at, parse, snapshots, state_before, tell_until
from eventstore.statements import ask
from tests.eventstore.examples import Count, Noted, Raised, counters

STREAM = "counter-1"


def happen(*events, stream=STREAM, expected=NEW):
    """Each in a unit of work of its own, so that each has its own time."""
    for number, event in enumerate(events):
        with unit_of_work():
            append(stream, [event], expected=expected + number)


def at(version):
    return Moment(version=version)


class Past(TestCase):
    def setUp(self):
        happen(Raised(by=3), Noted(text="x"), Raised(by=4))
        self.log = read_stream(STREAM)

    def total(self, moment):
        then = as_of(counters, 1, moment)
        return then.state.total, then.as_of.version

    def test_as_of_a_version(self):
        self.assertEqual([self.total(at(version)) for version in (1, 2, 3)], [(3, 1), (3, 2), (7, 3)])

    def test_as_of_a_position_of_its_partition(self):
        for envelope in self.log:
            moment = Moment(position=Position({envelope.partition: envelope.position}))
            self.assertEqual(self.total(moment)[1], envelope.version)
            self.assertTrue(as_of(counters, 1, moment).as_of.final)

    def test_a_position_yet_to_come_is_now_and_not_final(self):
        partition = partition_of(STREAM)
        ahead = Moment(position=Position({partition: current_position().heads[partition] + 5}))
        then = as_of(counters, 1, ahead)
        self.assertEqual((then.state.total, then.as_of.final), (7, False))

    def test_a_position_of_another_partition_is_the_moment_of_its_event(self):
        other = next(f"counter-{n}" for n in range(2, 99) if partition_of(f"counter-{n}") != partition_of(STREAM))
        happen(Raised(), stream=other)
        happen(Raised(by=100), expected=3)
        (elsewhere,) = read_stream(other)
        moment = Moment(position=Position({elsewhere.partition: elsewhere.position}))
        self.assertEqual(self.total(moment), (7, 3))

    def test_as_of_a_time(self):
        for envelope in self.log:
            self.assertEqual(self.total(Moment(at=envelope.recorded_at))[1], envelope.version)
        self.assertEqual(self.total(Moment(at=self.log[2].recorded_at - timedelta(microseconds=1))), (3, 2))
        self.assertEqual(self.total(Moment(at=self.log[2].recorded_at + timedelta(days=9)))[1], 3)

    def test_the_facts_of_the_answer_name_the_event_that_it_is_as_of(self):
        told = as_of(counters, 1, at(2)).as_of
        event = self.log[1]
        self.assertEqual((told.version, told.recorded_at, told.event_id, told.final), (2, event.recorded_at, event.id, True))
        self.assertEqual(told.position, f"{event.partition}-{event.position}")

    def test_before_the_first_event_and_after_the_last_version_there_is_nothing(self):
        for moment, why in (
            (at(0), "began later"),
            (Moment(at=self.log[0].recorded_at - timedelta(seconds=1)), "began later"),
            (Moment(position=Position({self.log[0].partition: self.log[0].position - 1})), "began later"),
            (at(4), "has no version 4 yet; its newest is 3"),
        ):
            with self.subTest(why), self.assertRaisesMessage(Refused, why) as refused:
                tell_until(STREAM, moment)
            self.assertEqual(refused.exception.status, 404)
        with self.assertRaisesMessage(Refused, "No event was ever recorded"):
            tell_until("counter-2", at(1))

    def test_the_difference_between_two_moments(self):
        self.assertEqual([(c.path, c.before, c.after) for c in compare(counters, 1, at(1), at(3))], [("total", 3, 7)])
        self.assertEqual(compare(counters, 1, at(1), at(2)), [])
        self.assertEqual([(c.before, c.after) for c in compare(counters, 1, at(3), at(1))], [(7, 3)])

    def test_the_state_that_an_event_found(self):
        self.assertEqual([state_before(counters, envelope).total for envelope in self.log], [0, 3, 3])

    def test_old_events_are_read_as_todays_code_reads_them(self):
        doubled = {("test.raised", 1): lambda data: data | {"by": data["by"] * 2}}
        with patch.dict(upcasting._upcasters, doubled), patch.dict(_names, {Raised: ("test.raised", 2)}):
            self.assertEqual(self.total(at(3)), (14, 3))

    def test_the_log_is_cut_by_a_time_and_by_tokens(self):
        heads = current_position().heads
        now = Moment(at=self.log[2].recorded_at)
        self.assertEqual(cut_at(now).heads, heads)
        before = cut_at(Moment(at=self.log[0].recorded_at - timedelta(days=1)))
        self.assertEqual((set(before.heads), set(before.heads.values())), (set(heads), {0}))
        second = self.log[1]
        cut = cut_at(parse(f"{second.partition}-{second.position}"))
        self.assertEqual(cut.heads, heads | {second.partition: second.position})
        self.assertTrue(cut.final)
        with self.assertRaises(UnreadableMoment):
            cut_at(at(3))


class Properties(PropertyCase):
    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.data())
    def test_any_moment_is_the_state_replayed_up_to_it(self, steps, data):
        with patch.object(snapshots, "BATCH", 4), patch.object(snapshots, "EVERY", 3):
            happen(*(Raised(by=step) for step in steps))
            log = read_stream(STREAM)
            version = data.draw(st.integers(1, len(steps)))
            replayed = Count(total=sum(steps[:version]))
            envelope = log[version - 1]
            for moment in (
                at(version),
                Moment(at=envelope.recorded_at),
                Moment(position=Position({envelope.partition: envelope.position})),
            ):
                self.assertEqual(as_of(counters, 1, moment).state, replayed)
            self.assertEqual(state_before(counters, envelope).total, sum(steps[: version - 1]))


@tag("slow")
class Finality(TransactionTestCase):
    def test_an_answer_is_final_when_nobody_can_add_to_it_any_more(self):
        """Scenario A40: a writer has stamped its event and has not committed."""
        happen(Raised(by=1))
        stamped, go = threading.Event(), threading.Event()

        writer = threading.Thread(target=hold, args=(stamped, go))
        writer.start()
        stamped.wait(10)
        (now,) = ask("SELECT clock_timestamp()")
        first = as_of(counters, 1, Moment(at=now))
        self.assertEqual((first.state.total, first.as_of.final), (1, False))
        earlier = as_of(counters, 1, Moment(at=first.as_of.recorded_at))
        self.assertTrue(earlier.as_of.final)
        self.assertFalse(as_of(counters, 1, Moment(at=now + timedelta(hours=1))).as_of.final)
        go.set()
        writer.join()
        second = as_of(counters, 1, Moment(at=now))
        self.assertEqual((second.state.total, second.as_of.final), (11, True))


def hold(stamped, go):
    """Append, and wait with the COMMIT."""
    written = units_of_work.write

    def write(drafts):
        place = written(drafts)
        stamped.set()
        go.wait(10)
        return place

    try:
        # As a command that has locked a row: the transaction has begun, so the append does not commit by itself.
        with patch.object(units_of_work, "write", write), unit_of_work():
            connection.cursor().execute("SELECT pg_current_xact_id()")
            append(STREAM, [Raised(by=10)], expected=1)
    finally:
        connection.close()
