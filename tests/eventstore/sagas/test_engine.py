"""A saga remembers, sends and waits in the transaction of the event that it takes; whatever comes twice counts once."""

from datetime import timedelta

from django.core.checks import run_checks
from django.db.models import F
from django.test import TestCase

from eventstore.delivery import forget_consumer, lay_out, transport
from eventstore.errors import StreamMoved
from eventstore.log import read_stream, unit_of_work
from eventstore.models import Event, ParkedKey, SagaCommand, SagaDeadline, SagaInstance
from eventstore.sagas import DeadlinePassed, Saga, SagaMisdeclared, Step, fire_due, saga_id, sagas
from eventstore.testing import deliver_everything
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import Seats, TripBooked, TripCancelled, book, tell


class Trips(TestCase):
    def setUp(self):
        transport().flush()
        self.saga = trips.declare(self)

    def row(self, key="a"):
        return SagaInstance.objects.get(saga="test.trip", key=key)

    def names(self, stream):
        return [envelope.name.removeprefix("test.").removeprefix("eventstore.") for envelope in read_stream(stream)]

    def history(self, key="a"):
        return self.names(f"saga-{saga_id('test.trip', key)}")


class OneStory(Trips):
    def test_it_sends_its_command_and_ends_when_it_hears_of_it(self):
        book("a")
        deliver_everything()
        row = self.row()
        self.assertEqual((row.status, row.outcome, row.state["reserved"], row.steps), ("finished", "confirmed", True, 2))
        self.assertEqual(self.names("seat-a"), ["seat_reserved"])
        self.assertEqual(SagaCommand.objects.get().state, "done")
        self.assertEqual(SagaDeadline.objects.get().state, "cancelled", "what it waited for has come")

    def test_every_row_follows_from_its_stream(self):
        book("a")
        deliver_everything()
        row = self.row()
        memory = sagas.fold(envelope.event for envelope in read_stream(row.stream))
        self.assertEqual(
            (memory.saga, memory.key, memory.status, memory.outcome, memory.state, memory.steps),
            (row.saga, row.key, row.status, row.outcome, row.state, row.steps),
        )
        self.assertEqual(row.version, len(read_stream(row.stream)))

    def test_the_tree_of_causes_is_whole(self):
        book("a")
        deliver_everything()
        (booked,), (reserved,), steps = read_stream("trip-a"), read_stream("seat-a"), read_stream(self.row().stream)
        self.assertEqual([step.facts["causation"] for step in steps], [str(booked.id), str(reserved.id)])
        self.assertEqual(reserved.facts["causation"], str(steps[0].id))
        sent = SagaCommand.objects.get()
        self.assertEqual((reserved.facts["command"], reserved.facts["command_id"]), (sent.name, str(sent.pk)))
        self.assertEqual({e.correlation for e in (booked, reserved, *steps)}, {booked.correlation})
        self.assertEqual(reserved.actor, "saga:test.trip")

    def test_it_is_begun_once_however_often(self):
        for _ in range(3):
            book("a")
        deliver_everything()
        self.assertEqual(self.names("seat-a"), ["seat_reserved"])
        self.assertEqual(self.row().steps, 2)

    def test_an_event_that_is_handed_over_again_changes_nothing(self):
        book("a")
        deliver_everything()
        events = [*read_stream("trip-a"), *read_stream("seat-a")]
        before = Event.objects.count()
        self.saga.handle(events)
        self.saga.handle(events)
        self.assertEqual((Event.objects.count(), SagaCommand.objects.count(), self.row().steps), (before, 1, 2))

    def test_an_event_that_nothing_followed_from_is_taken_too(self):
        book("a")
        deliver_everything()
        row = self.row()
        SagaInstance.objects.update(status="running", outcome="", state={"reserved": False, "why": ""})
        self.saga.handlers["test.trip_cancelled"] = lambda state, event, envelope: None if not state.why else Step(state=state)
        tell("trip-a", TripCancelled(trip="a"))
        deliver_everything()
        SagaInstance.objects.update(state={"reserved": False, "why": "changed"})
        self.saga.handle(read_stream("trip-a"))
        self.assertEqual(self.row().steps, row.steps, "asked again it would have said something else")

    def test_what_begins_nothing_and_finds_no_saga_is_nobodys(self):
        tell("trip-b", TripCancelled(trip="b"))
        deliver_everything()
        self.assertFalse(SagaInstance.objects.exists())

    def test_a_beginning_and_what_follows_in_one_batch(self):
        tell("trip-c", TripCancelled(trip="c"), TripBooked(trip="c"), TripCancelled(trip="c"))
        deliver_everything()
        self.assertEqual((self.row("c").outcome, self.row("c").steps), ("cancelled", 3), "and the seat that came late is given back")
        self.assertEqual(self.names("seat-c"), ["seat_reserved", "seat_released"])

    def test_many_sagas_in_one_batch(self):
        for number in range(40):
            book(str(number))
        deliver_everything()
        self.assertEqual(SagaInstance.objects.filter(outcome="confirmed").count(), 40)


class Refusals(Trips):
    def test_a_refusal_is_an_event_that_it_reacts_to(self):
        Seats.rule = staticmethod(trips.sold_out)
        book("a")
        deliver_everything()
        row = self.row()
        self.assertEqual((row.outcome, row.state["why"], SagaCommand.objects.get().state), ("refused", "sold_out", "refused"))
        self.assertEqual(self.history(), ["saga_stepped", "command_refused", "saga_stepped"])
        self.assertEqual(self.names("seat-a"), [])

    def test_a_refusal_that_nobody_reacts_to_is_trouble(self):
        self.saga.refusals.clear()
        Seats.rule = staticmethod(trips.sold_out)
        book("a")
        deliver_everything()
        self.assertEqual(self.row().status, "running")
        self.assertIn("test.reserve_seat was refused and nobody reacts: Every seat is taken.", self.row().trouble)

    def test_a_refusal_leaves_nothing_of_what_was_refused(self):
        def half(wanted):
            tell("seat-a", trips.SeatReserved(trip="nobody"))
            trips.sold_out(wanted)

        Seats.rule = staticmethod(half)
        book("a")
        deliver_everything()
        self.assertEqual(self.names("seat-a"), [])


class Failures(Trips):
    def later(self):
        """As if the waits of commands were over."""
        SagaCommand.objects.filter(state="waiting").update(due_at=F("due_at") - timedelta(hours=2))

    def fail(self, times, error):
        left = [error] * times

        def rule(wanted):
            if left:
                raise left.pop()

        Seats.rule = staticmethod(rule)

    def test_another_writer_was_first_so_it_is_tried_again_at_once(self):
        self.fail(2, StreamMoved(stream="seat-a", expected=1))
        book("a")
        deliver_everything()
        self.assertEqual(self.row().outcome, "confirmed")
        self.assertEqual(SagaCommand.objects.get().attempts, 1)

    def test_a_command_that_fails_waits_and_comes_again(self):
        self.fail(1, LookupError("no train"))
        book("a")
        deliver_everything()
        waiting = SagaCommand.objects.get()
        self.assertEqual((waiting.state, waiting.attempts, waiting.note), ("waiting", 1, "LookupError: no train"))
        self.later()
        deliver_everything()
        self.assertEqual(self.row().outcome, "confirmed")

    def test_after_five_failures_somebody_should_look_and_it_is_tried_on(self):
        self.fail(6, LookupError("no train"))
        book("a")
        for _ in range(5):
            deliver_everything()
            self.later()
        self.assertIn("test.reserve_seat failed 5 times, the last time with LookupError: no train", self.row().trouble)
        for _ in range(2):
            deliver_everything()
            self.later()
        deliver_everything()
        self.assertEqual((self.row().outcome, self.row().trouble), ("confirmed", ""))

    def test_a_reaction_that_raises_parks_its_stream_like_any_handler(self):
        self.saga.handlers["test.trip_booked"] = lambda state, event, envelope: Step(state=state, deadlines={"nobody": timedelta(1)})
        book("a")
        book("b")
        deliver_everything()
        self.assertEqual(ParkedKey.objects.filter(consumer="test.trip").count(), 2)
        self.assertFalse(SagaInstance.objects.exists())
        self.assertIn("nobody reacts to its deadline nobody", ParkedKey.objects.first().failures.get().message)


class Deadlines(Trips):
    def setUp(self):
        super().setUp()
        self.heard = self.saga.handlers.pop("test.seat_reserved")
        book("a")
        deliver_everything()

    def pass_time(self):
        SagaDeadline.objects.filter(state="waiting").update(due_at=F("due_at") - timedelta(hours=1))

    def test_it_does_not_pass_before_its_time(self):
        self.assertEqual(fire_due(), 0)
        self.assertEqual(self.row().status, "running")

    def test_that_it_passed_is_an_event_and_the_saga_reacts(self):
        self.pass_time()
        self.assertEqual((fire_due(), fire_due()), (1, 0))
        deliver_everything()
        self.assertEqual((self.row().outcome, self.names("seat-a")), ("waited too long", ["seat_reserved", "seat_released"]))
        passed = read_stream(self.row().stream)[1]
        self.assertIsInstance(passed.event, DeadlinePassed)
        self.assertEqual((passed.actor, passed.correlation), ("system:deadlines", read_stream("trip-a")[0].correlation))

    def test_what_comes_after_the_end_is_late_and_set_right(self):
        self.pass_time()
        deliver_everything()
        self.saga.handlers["test.seat_reserved"] = self.heard
        tell("seat-a", trips.SeatReserved(trip="a"))
        deliver_everything()
        row = self.row()
        self.assertEqual((row.status, row.outcome, row.steps), ("finished", "waited too long", 3))
        self.assertEqual(self.names("seat-a"), ["seat_reserved", "seat_released", "seat_reserved", "seat_released"])
        self.assertTrue(read_stream(row.stream)[-1].event.late)

    def test_a_saga_that_ended_is_not_woken(self):
        self.saga.handlers["test.seat_reserved"] = self.heard
        tell("seat-a", trips.SeatReserved(trip="a"))
        deliver_everything()
        self.pass_time()
        self.assertEqual(fire_due(), 0)


class Declaring(Trips):
    def test_a_saga_says_what_it_makes_of_latecomers(self):
        self.assertEqual([found for found in run_checks() if found.id == "eventstore.E004"], [])
        del self.saga.lates["test.trip_cancelled"]
        (found,) = [found for found in run_checks() if found.id == "eventstore.E004"]
        self.assertIn("test.trip reacts to test.trip_cancelled and does not say", found.msg)

    def test_reactions_are_pure_functions(self):
        step = self.saga.react(self.saga.state(), TripBooked(trip="a"), None)
        self.assertEqual(step.commands, (trips.ReserveSeat(trip="a"),))
        self.assertEqual(step.deadlines, {"seat": timedelta(minutes=5)})

    def test_a_name_without_a_slash(self):
        with self.assertRaisesMessage(SagaMisdeclared, "its name has a slash"):
            Saga("test.trip/home", state=trips.Trip, key=lambda event, envelope: None)

    def test_it_is_a_consumer_with_a_permanent_name(self):
        self.assertIsInstance(self.saga, Saga)
        self.assertEqual((self.saga.kind, self.saga.replay), ("saga", "deny"))


class OutOfTime(Trips):
    """Streams are not in step: a saga's own may be behind those that it listens to."""

    def declare(self):
        """It reminds somebody until the trip is cancelled; a seat that is reserved puts the reminder off."""
        reminder = Saga("test.reminder", state=trips.Trip, key=lambda event, envelope: event.trip)
        self.addCleanup(forget_consumer, "test.reminder")
        soon = {"remind": timedelta(minutes=5)}
        reminder.starts_on(TripBooked)(lambda state, event, envelope: Step(state=state, deadlines=soon))
        reminder.on(trips.SeatReserved)(lambda state, event, envelope: Step(state=state, deadlines=soon))
        reminder.on(trips.SeatReleased)(lambda state, event, envelope: Step(state=state, cancel=("remind",)))
        reminder.on_deadline("remind")(lambda state, event, envelope: Step(state=trips.Trip(why="reminded"), cancel=("remind",)))
        reminder.ignores_late(TripBooked, trips.SeatReserved, trips.SeatReleased)
        lay_out()
        return reminder

    def pass_time(self):
        waiting = SagaDeadline.objects.filter(saga__saga="test.reminder", state="waiting")
        waiting.update(due_at=F("due_at") - timedelta(hours=1))
        fire_due()

    def setUp(self):
        super().setUp()
        book("a")

    def take(self, saga, *envelopes):
        with unit_of_work():
            saga.handle(list(envelopes))

    def states(self, row):
        return list(row.deadlines.order_by("step").values_list("state", flat=True))

    def begin(self):
        reminder = self.declare()
        self.take(reminder, *read_stream("trip-a"))
        self.pass_time()
        return reminder, SagaInstance.objects.get(saga="test.reminder")

    def test_a_deadline_that_was_set_anew_before_anybody_heard_that_it_passed_is_not_told(self):
        reminder, row = self.begin()
        passed = read_stream(row.stream)[-1]
        tell("seat-a", trips.SeatReserved(trip="a"))
        self.take(reminder, *read_stream("seat-a"), passed)
        row.refresh_from_db()
        self.assertEqual((row.steps, row.state["why"], self.states(row)), (2, "", ["cancelled", "waiting"]))
        self.pass_time()
        self.take(reminder, read_stream(row.stream)[-1])
        row.refresh_from_db()
        self.assertEqual((row.steps, row.state["why"], self.states(row)), (3, "reminded", ["cancelled", "passed"]))

    def test_a_deadline_that_was_cancelled_before_anybody_heard_that_it_passed_is_not_told(self):
        reminder, row = self.begin()
        tell("seat-a", trips.SeatReleased(trip="a"))
        self.take(reminder, *read_stream("seat-a"))
        self.take(reminder, read_stream(row.stream)[1])
        row.refresh_from_db()
        self.assertEqual((row.steps, row.state["why"], self.states(row)), (2, "", ["cancelled"]))

    def test_what_passed_and_was_heard_stays_in_its_history(self):
        reminder, row = self.begin()
        self.take(reminder, read_stream(row.stream)[-1])
        tell("seat-a", trips.SeatReserved(trip="a"))
        self.take(reminder, *read_stream("seat-a"))
        self.assertEqual(self.states(row), ["passed", "waiting"])

    def test_a_deadline_that_cannot_be_told_holds_up_no_other_and_is_trouble(self):
        self.declare()
        book("b")
        deliver_everything()
        SagaInstance.objects.filter(saga="test.reminder", key="a").update(version=7)
        self.pass_time()
        row, other = (SagaInstance.objects.get(saga="test.reminder", key=key) for key in "ab")
        self.assertEqual((self.states(row)[-1], self.states(other)[-1]), ("waiting", "passed"))
        self.assertIn("Its deadline remind passed and cannot be told: StreamMoved", row.trouble)


class Beginnings(Trips):
    def declare(self, late):
        guest = Saga("test.guest", state=trips.Trip, key=lambda event, envelope: event.trip)
        self.addCleanup(forget_consumer, "test.guest")
        guest.starts_on(TripBooked)(lambda state, event, envelope: Step(state=state) if state.why else None)
        guest.starts_on(trips.SeatReserved)(lambda state, event, envelope: Step(state=state, finished="seated"))
        guest.late(TripBooked, trips.SeatReserved)(late)
        lay_out()
        return guest

    def take(self, saga, *streams):
        with unit_of_work():
            saga.handle([envelope for stream in streams for envelope in read_stream(stream)])
        return SagaInstance.objects.get(saga="test.guest")

    def test_it_was_begun_by_the_event_that_made_the_first_step(self):
        guest = self.declare(lambda state, event, envelope: None)
        book("a")
        tell("seat-a", trips.SeatReserved(trip="a"))
        row = self.take(guest, "trip-a", "seat-a")
        self.assertEqual((row.started_by, row.correlation), ("test.seat_reserved", read_stream("seat-a")[0].correlation))

    def test_a_beginning_that_comes_again_after_the_end_is_late(self):
        guest = self.declare(lambda state, event, envelope: Step(state=trips.Trip(why="again")))
        tell("seat-a", trips.SeatReserved(trip="a"))
        self.assertEqual(self.take(guest, "seat-a").steps, 1)
        tell("other-a", trips.SeatReserved(trip="a"))
        row = self.take(guest, "seat-a", "other-a")
        self.assertEqual((row.steps, row.state["why"], row.outcome), (2, "again", "seated"))

    def test_a_late_step_sets_no_deadlines(self):
        guest = self.declare(lambda state, event, envelope: Step(state=state, deadlines={"soon": timedelta(0)}))
        guest.on_deadline("soon")(lambda state, event, envelope: Step(state=state))
        tell("seat-a", trips.SeatReserved(trip="a"))
        self.take(guest, "seat-a")
        tell("other-a", trips.SeatReserved(trip="a"))
        row = self.take(guest, "other-a")
        self.assertEqual((row.steps, row.deadlines.count(), read_stream(row.stream)[-1].event.deadlines), (2, 0, ()))

    def test_a_new_saga_begins_nothing_about_what_is_old(self):
        book("a")
        fresh = Saga("test.fresh", state=trips.Trip, key=lambda event, envelope: event.trip, start="now")
        self.addCleanup(forget_consumer, "test.fresh")
        fresh.starts_on(TripBooked)(lambda state, event, envelope: Step(state=state))
        fresh.ignores_late(TripBooked)
        lay_out()
        book("b")
        deliver_everything()
        self.assertEqual([row.key for row in SagaInstance.objects.filter(saga="test.fresh")], ["b"])
