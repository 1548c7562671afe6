"""Many at once, and death at the worst moment: one saga a key, one effect a command, one event a deadline."""

import threading
from datetime import timedelta
from unittest import mock

from django.db import connection
from django.db.models import F
from django.test import TransactionTestCase

from eventstore.delivery import drain, relay_partition, transport
from eventstore.log import current_position, read_stream
from eventstore.models import Event, SagaCommand, SagaDeadline, SagaInstance
from eventstore.sagas import carry_out_due, dispatching, engine, fire_due
from eventstore.testing import deliver_everything
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import Seats, TripBooked, book, tell


class Killed(BaseException):
    """Stands for kill -9."""


def at_once(*acts):
    """Run these in a thread each, beginning together."""
    begin, failed = threading.Barrier(len(acts)), []

    def go(act):
        try:
            begin.wait()
            act()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


class Races(TransactionTestCase):
    def setUp(self):
        transport().flush()
        self.saga = trips.declare(self)

    def count(self, name):
        return Event.objects.filter(name=f"test.{name}").count()

    def later(self):
        SagaCommand.objects.filter(state="waiting").update(due_at=F("due_at") - timedelta(hours=2))

    def test_ten_beginnings_in_ten_partitions_at_once_begin_one_saga(self):
        for number in range(10):
            tell(f"trip-{number}", TripBooked(trip="same"))
        partitions = list(current_position().heads)
        for partition in partitions:
            relay_partition(partition)
        self.assertEqual(at_once(*(lambda p=p: drain(self.saga, p) for p in partitions)), [])
        deliver_everything()
        self.assertEqual(SagaInstance.objects.get().outcome, "confirmed")
        self.assertEqual(self.count("seat_reserved"), 1)

    def test_many_workers_carry_each_command_out_once(self):
        for number in range(30):
            book(str(number))
        with mock.patch.object(engine.wakeups, "wake_sagas"):
            for partition in current_position().heads:
                drain(self.saga, partition)
        self.assertEqual(at_once(*[carry_out_due] * 6), [])
        deliver_everything()
        self.assertEqual((self.count("seat_reserved"), SagaInstance.objects.filter(outcome="confirmed").count()), (30, 30))

    def test_a_command_whose_worker_is_slow_comes_round_again_and_takes_effect_once(self):
        book("a")
        for partition in current_position().heads:
            drain(self.saga, partition)
        command = SagaCommand.objects.get()
        self.assertEqual(at_once(*[lambda: dispatching.carry_out(command.pk)] * 4), [])
        self.assertEqual(self.count("seat_reserved"), 1)

    def test_many_sweeps_fire_a_deadline_once(self):
        self.saga.handlers.pop("test.seat_reserved")
        book("a")
        deliver_everything()
        SagaDeadline.objects.update(due_at=F("due_at") - timedelta(hours=1))
        self.assertEqual(at_once(*[fire_due] * 6), [])
        self.assertEqual(Event.objects.filter(name="eventstore.deadline_passed").count(), 1)

    def test_a_deadline_that_passes_while_its_saga_ends_is_told_before_or_not_at_all(self):
        for number in range(8):
            book(str(number))
        deliver_everything_but_answers = [drain(self.saga, partition) for partition in current_position().heads]
        self.assertTrue(any(deliver_everything_but_answers))
        carry_out_due()
        SagaDeadline.objects.update(due_at=F("due_at") - timedelta(hours=1))
        partitions = list(current_position().heads)
        self.assertEqual(at_once(fire_due, fire_due, lambda: [drain(self.saga, p) for p in partitions]), [])
        deliver_everything()
        for row in SagaInstance.objects.all():
            with self.subTest(row.key):
                released = len([e for e in read_stream(f"seat-{row.key}") if e.name == "test.seat_released"])
                # Who waited too long gives its seat back, twice when the seat also came late; who was confirmed keeps it.
                self.assertEqual(released > 0, row.outcome == "waited too long")

    def test_killed_at_every_point_a_command_takes_effect_once(self):
        real = dispatching.dispatch

        def before(wanted):
            raise Killed

        def after(wanted):
            real(wanted)
            raise Killed

        for number, killing in enumerate([before, after]):
            with self.subTest(killing.__name__):
                book(str(number))
                for partition in current_position().heads:
                    drain(self.saga, partition)
                with mock.patch.object(dispatching, "dispatch", killing), self.assertRaises(Killed):
                    carry_out_due()
                waiting = SagaCommand.objects.get(state="waiting")
                self.assertEqual((waiting.attempts, self.count("seat_reserved")), (1, number), "counted, and nothing done")
                self.later()
                deliver_everything()
                self.assertEqual((self.count("seat_reserved"), SagaCommand.objects.filter(state="done").count()), (number + 1, number + 1))

    def test_killed_in_the_step_nothing_of_it_remains(self):
        book("a")
        with mock.patch.object(engine, "_set_deadlines", side_effect=Killed):
            for partition in current_position().heads:
                try:
                    drain(self.saga, partition)
                except Killed:
                    killed = partition
        self.assertEqual((SagaInstance.objects.count(), SagaCommand.objects.count()), (0, 0))
        self.assertIsNotNone(killed)
        deliver_everything()
        self.assertEqual((self.count("seat_reserved"), SagaInstance.objects.get().steps), (1, 2))

    def test_a_command_that_kills_its_process_again_and_again_is_trouble_that_is_seen(self):
        def dies(wanted):
            raise Killed

        Seats.rule = staticmethod(dies)
        book("a")
        for partition in current_position().heads:
            drain(self.saga, partition)
        for _ in range(6):
            with self.assertRaises(Killed):
                carry_out_due()
            self.later()
        self.assertIn("test.reserve_seat was begun 5 times and never came to an end", SagaInstance.objects.get().trouble)
