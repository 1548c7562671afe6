"""The blast radius says truthfully whom a run touches: the consumer, and whoever takes what followed such events before."""

from django.test import TestCase

from eventstore.delivery import Consumer, forget_consumer, lay_out, transport
from eventstore.log import ANY, append, unit_of_work
from eventstore.models import Event, SagaCommand, SagaInstance
from eventstore.runs import Selection, drive, measure, replay
from eventstore.testing import deliver_everything
from tests.eventstore.delivery.recording import Recording, record
from tests.eventstore.projections.test_projections import declare
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import SeatReserved, TripBooked, book


class Touched(TestCase):
    def setUp(self):
        transport().flush()
        self.saga = trips.declare(self)

    def measure(self, consumer, selection=None, target="live", effects="deny"):
        return measure(consumer, selection or Selection(), effects=effects, target=target)

    def test_a_replay_to_a_saga_names_it_and_what_its_steps_led_to(self):
        clerk = Consumer("test.clerk")
        self.addCleanup(forget_consumer, "test.clerk")
        clerk.on(SeatReserved)(lambda event, envelope: None)
        lay_out()
        book("a")
        deliver_everything()
        told = self.measure(self.saga, Selection(names=("test.trip_booked",)))
        self.assertEqual((told.kind, told.sagas, told.consumers, told.tables), ("saga", ["test.trip"], ["test.clerk"], []))
        self.assertEqual(told.leads_to, ["eventstore.saga_stepped", "test.seat_reserved"])
        self.assertEqual(told.others, ["test.clerk"])

    def test_a_saga_passes_over_what_it_took_before(self):
        book("a")
        deliver_everything()
        before, run = Event.objects.count(), replay("test.trip", Selection(), reason="checked")
        self.assertEqual(run.total, 2)
        drive(run.pk)
        deliver_everything()
        self.assertEqual((SagaInstance.objects.get().steps, SagaCommand.objects.count()), (2, 1))
        self.assertEqual(set(Event.objects.order_by("id")[before:].values_list("stream", flat=True)), {"operations"})

    def test_a_consumer_that_records_reaches_sagas_and_projections_behind_it(self):
        told = Recording(self)
        told.rule = self.book_a_trip
        record("counter-1", 2)
        deliver_everything()
        blast = self.measure(told.consumer)
        self.assertEqual((blast.kind, blast.consumers, blast.sagas), ("consumer", ["test.recording"], ["test.trip"]))
        self.assertEqual(blast.leads_to, ["eventstore.saga_stepped", "test.seat_reserved", "test.trip_booked"])

    def book_a_trip(self, envelope):
        with unit_of_work():
            append("trip-b", [TripBooked(trip="b")], expected=ANY)

    def test_who_never_recorded_anything_reaches_nobody_else(self):
        told = Recording(self)
        other = Recording(self, "test.other")
        other.rule = self.book_a_trip
        record("counter-1", 2)
        deliver_everything()
        blast = self.measure(told.consumer)
        self.assertEqual((blast.leads_to, blast.others, blast.consumers, blast.sagas), ([], [], ["test.recording"], []))

    def test_a_rebuild_beside_touches_the_tables_of_its_projection_only(self):
        projection = declare(self)
        record("counter-1", 2)
        deliver_everything()
        blast = self.measure(projection, target="shadow")
        self.assertEqual((blast.kind, blast.consumers, blast.tables, blast.sagas), ("projection", [projection.name], projection.tables, []))
