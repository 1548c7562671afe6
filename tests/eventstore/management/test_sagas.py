"""manage.py sagas: who is in trouble, the story of one, and what may be done about it."""

from uuid import uuid4

from eventstore.log import read_stream
from eventstore.models import SagaCommand, SagaInstance
from eventstore.testing import deliver_everything
from tests.eventstore.management.calling import Called
from tests.eventstore.sagas.test_engine import Trips
from tests.eventstore.sagas.trips import Seats, book


def broken(wanted):
    raise LookupError("the line is dead")


class Sagas(Trips):
    def setUp(self):
        super().setUp()
        book("over")
        deliver_everything()
        Seats.rule = staticmethod(broken)
        book("stuck")
        deliver_everything()
        SagaInstance.objects.filter(key="stuck").update(trouble="test.reserve_seat failed 5 times")
        self.id = str(self.row("stuck").pk)
        self.command = str(SagaCommand.objects.get(saga=self.id).pk)

    def test_those_in_trouble_come_first_and_are_a_finding(self):
        listed = Called("sagas", "list")
        self.assertEqual(listed.code, 0)
        self.assertRegex(listed.out, rf"\n{self.id} +test.trip +stuck +in trouble +1 +test.reserve_seat {self.command} +1 +seat \d")
        self.assertEqual([row["key"] for row in Called("sagas", "list", "--json").json], ["stuck", "over"])
        trouble = Called("sagas", "list", "--trouble", "--json")
        self.assertEqual((trouble.code, [row["key"] for row in trouble.json]), (3, ["stuck"]))
        self.assertEqual(trouble.complaint, "1 in trouble. The first: test.reserve_seat failed 5 times")
        self.assertEqual(Called("sagas", "list", "--key", "over", "--status", "running").out, "There are none.\n")

    def test_one_is_told_step_by_step(self):
        told = Called("sagas", "show", str(self.row("over").pk))
        for line in (
            "outcome      confirmed",
            "step 1: test.trip_booked",
            "(done, 1 attempts)",
            "→ test.seat_reserved in seat-over",
            "over: confirmed",
        ):
            self.assertIn(line, told.out)
        self.assertEqual(len(Called("sagas", "show", self.id, "--json").json["commands"]), 1)
        self.assertEqual(Called("sagas", "show", str(uuid4())).code, 2)

    def test_what_staff_do_is_told_in_the_log(self):
        for verb in ("retry", "settle"):
            self.assertEqual(Called("sagas", verb, self.command, "--reason", "because").code, 0)
        again = Called("sagas", "settle", self.command, "--reason", "because")
        self.assertEqual((again.code, again.complaint), (1, "test.reserve_seat does not wait any more, it is done."))
        seen = str(self.row("stuck").version)
        self.assertEqual(Called("sagas", "compensate", self.id, "--reason", "please", "--version", seen, "--json").json["key"], "stuck")
        moved = Called("sagas", "close", self.id, "--reason", "done", "--version", seen)
        self.assertEqual(moved.code, 1)
        self.assertIn(f"no longer at version {seen}", moved.complaint)
        self.assertEqual(Called("sagas", "close", self.id, "--reason", "done").out, "test.trip of stuck is over: closed by hand.\n")
        told = [(e.event.what, e.actor.partition(":")[0]) for e in read_stream("operations") if e.name == "eventstore.saga_handled"]
        self.assertEqual(told, [(what, "shell") for what in ("retried", "settled", "asked to compensate", "closed")])
        self.assertEqual(Called("sagas", "close", self.id).code, 1, "without a reason")
