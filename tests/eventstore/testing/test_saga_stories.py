"""Stories of sagas: in memory, and the same as the engine would have it."""

import time
from datetime import timedelta

from django.test import TestCase

from eventstore.log import unit_of_work
from eventstore.models import SagaDeadline, SagaInstance
from eventstore.testing import SagaStory, produce, recorded
from tests.eventstore.examples import Noted
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import ReleaseSeat, ReserveSeat, SeatReserved, Trip, TripBooked, TripCancelled
from tests.eventstore.testing.test_stories import Failing

booked, reserved, cancelled = TripBooked(trip="a"), SeatReserved(trip="a"), TripCancelled(trip="a")
FIVE_MINUTES = timedelta(minutes=5)


class Telling(TestCase):
    def setUp(self):
        self.saga = trips.declare(self)

    def story(self):
        return SagaStory(self.saga)

    def test_from_beginning_to_end(self):
        story = self.story().when(booked).then_commands(ReserveSeat(trip="a")).then_deadlines(seat=FIVE_MINUTES).then_running()
        story.when(recorded(reserved, actor="user:ada")).then_commands().then_deadlines().then_finished("confirmed")
        story.then_state(Trip(reserved=True)).then_state(reserved=True)

    def test_begun_once_and_others_are_not_heard(self):
        self.story().given(booked).when(booked, TripCancelled(trip="b"), Noted(text="so")).then_commands().then_running()
        self.story().when(cancelled).then_nobodys()

    def test_a_deadline_passes(self):
        self.story().given(booked).deadline("seat").then_commands(ReleaseSeat(trip="a")).then_finished("waited too long")
        with Failing(self, ["test.trip does not wait for money; it waits for seat."]):
            self.story().given(booked).deadline("money")
        with Failing(self, ["does not wait for seat; it waits for nothing."]):
            self.story().given(booked, reserved).deadline("seat")

    def test_a_command_is_refused(self):
        self.story().given(booked).refused(ReserveSeat, code="sold_out").then_finished("refused").then_state(why="sold_out")
        with Failing(self, ["test.trip has sent no ReleaseSeat that could be refused; it has sent ReserveSeat."]):
            self.story().given(booked).refused(ReleaseSeat)
        self.saga.refusals.clear()
        unheard = self.story().given(booked).refused(ReserveSeat, detail="Sold out.").then_commands()
        self.assertEqual(unheard.trouble, "test.reserve_seat was refused and nobody reacts: Sold out.")
        with Failing(self, ["stands[1]: expected '', was 'test.reserve_seat was refused"]):
            unheard.then_running()

    def test_it_is_to_undo_what_it_did(self):
        story = self.story().given(booked).compensate("fire in the train").then_commands(ReleaseSeat(trip="a")).then_compensating()
        story.when(reserved).then_finished("undone")

    def test_late_events(self):
        self.story().given(booked, cancelled).when(reserved).then_commands(ReleaseSeat(trip="a")).then_finished("cancelled")
        self.story().given(booked, reserved).when(cancelled).then_commands().then_finished("confirmed")

    def test_what_is_otherwise_is_told(self):
        with Failing(self, ["Expected no commands, and 1 command happened.", "1. was not expected: ReserveSeat(trip='a')"]):
            self.story().when(booked).then_commands()
        with Failing(self, ["1. ReserveSeat\n   trip: expected 'b', was 'a'"]):
            self.story().when(booked).then_commands(ReserveSeat(trip="b"))
        with Failing(self, ["test.trip a is otherwise.", "deadlines['seat']: expected datetime.timedelta(seconds=60), was"]):
            self.story().when(booked).then_deadlines(seat=timedelta(minutes=1))
        with Failing(self, ["end[0]: expected 'finished', was 'running'"]):
            self.story().when(booked).then_finished("confirmed")
        with Failing(self, ["reserved: expected True, was False"]):
            self.story().when(booked).then_state(reserved=True)
        with Failing(self, ["test.trip has not begun"]):
            self.story().compensate()

    def test_the_engine_would_have_it_like_this_too(self):
        for happened in ([booked], [booked, reserved], [booked, cancelled], [booked, cancelled, reserved], [cancelled, booked]):
            with self.subTest(happened):
                key = str(id(happened))
                ours = [type(event)(trip=key) for event in happened]
                story = SagaStory(self.saga).when(*ours)
                envelopes = produce(f"trip-{key}", *ours)
                with unit_of_work():
                    self.saga.handle(envelopes)
                row = SagaInstance.objects.filter(key=key).first()
                self.assertEqual(
                    (row.status, row.outcome, row.state), (story.status, story.outcome, {"reserved": story.state.reserved, "why": ""})
                )
                waiting = SagaDeadline.objects.filter(saga=row, state="waiting").values_list("name", flat=True)
                self.assertEqual(list(waiting), list(story._waiting))
                self.assertEqual(row.commands.count(), len(story._sent))

    def test_a_hundred_of_them_take_less_than_a_fifth_of_a_second(self):
        begun = time.process_time()
        for _ in range(100):
            self.story().given(booked).when(reserved).then_finished("confirmed")
        self.assertLess(time.process_time() - begun, 0.2)
