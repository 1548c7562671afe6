"""What staff do to sagas: each act with a reason, in the saga's stream and among the operations."""

from datetime import timedelta
from uuid import UUID

from django.db.models import F

from eventstore import sagas
from eventstore.errors import Refused
from eventstore.events import OPERATIONS
from eventstore.log import read_stream
from eventstore.models import SagaCommand, SagaDeadline
from eventstore.testing import deliver_everything
from tests.eventstore.sagas.test_engine import Trips
from tests.eventstore.sagas.trips import Seats, book


class Acts(Trips):
    def setUp(self):
        super().setUp()
        self.broken = True
        Seats.rule = staticmethod(self.rule)
        book("a")
        deliver_everything()
        self.command = SagaCommand.objects.get()

    def rule(self, wanted):
        if self.broken:
            raise LookupError("the line is dead")

    def told(self):
        return [(e.event.what, e.event.reason) for e in read_stream(OPERATIONS) if e.name == "eventstore.saga_handled"]

    def test_a_command_is_tried_now(self):
        self.broken = False
        deliver_everything()
        self.assertEqual(self.row().status, "running", "it is not due yet")
        sagas.retry(self.command.pk, "the line is back")
        deliver_everything()
        self.assertEqual((self.row().outcome, self.told()), ("confirmed", [("retried", "the line is back")]))

    def test_a_command_is_settled_by_hand_and_not_carried_out(self):
        sagas.settle(self.command.pk, "reserved by telephone")
        self.broken = False
        SagaCommand.objects.update(due_at=F("due_at") - timedelta(hours=1))
        deliver_everything()
        self.assertEqual((self.names("seat-a"), self.history()), ([], ["saga_stepped", "command_settled"]))
        self.assertEqual(self.told(), [("settled", "reserved by telephone")])

    def test_a_saga_undoes_what_it_did_when_it_is_asked(self):
        sagas.compensate(self.row().pk, "the customer called")
        self.broken = False
        SagaCommand.objects.update(due_at=F("due_at") - timedelta(hours=1))
        deliver_everything()
        self.assertEqual(self.names("seat-a"), ["seat_reserved", "seat_released"], "in order: first what was sent first")
        self.assertEqual(self.history()[:3], ["saga_stepped", "compensation_requested", "saga_stepped"])
        self.assertEqual((self.row().state["why"], self.row().outcome), ("the customer called", "undone"))

    def test_who_does_not_say_how_cannot_be_asked(self):
        self.saga.compensation = None
        with self.assertRaisesMessage(Refused, "test.trip does not say how it undoes itself"):
            sagas.compensate(self.row().pk, "please")

    def test_it_is_ended_by_hand(self):
        sagas.close(self.row().pk, "nobody travels any more")
        self.broken = False
        SagaCommand.objects.update(due_at=F("due_at") - timedelta(hours=1))
        deliver_everything()
        row = self.row()
        self.assertEqual((row.status, row.outcome, self.names("seat-a")), ("finished", "closed by hand", []))
        self.assertEqual((SagaCommand.objects.get().state, SagaDeadline.objects.get().state), ("abandoned", "cancelled"))
        memory = sagas.sagas.fold(envelope.event for envelope in read_stream(row.stream))
        self.assertEqual((memory.status, memory.outcome), (row.status, row.outcome))

    def test_what_is_over_is_over(self):
        sagas.settle(self.command.pk, "by telephone")
        for act in (sagas.retry, sagas.settle):
            with self.assertRaisesMessage(Refused, "test.reserve_seat does not wait any more, it is done"):
                act(self.command.pk, "again")
        sagas.close(self.row().pk, "done")
        for act in (sagas.close, sagas.compensate):
            with self.assertRaisesMessage(Refused, "test.trip of a is finished: closed by hand."):
                act(self.row().pk, "again")
        with self.assertRaisesMessage(Refused, "There is no saga"):
            sagas.close(UUID(int=1), "who")
