"""Sagas over HTTP: listed as people look at them, read step by step, undone, closed; their commands retried and settled."""

from uuid import UUID, uuid4

from eventstore import sagas
from eventstore.delivery import transport
from eventstore.log import read_stream
from eventstore.models import SagaCommand, SagaInstance
from eventstore.testing import deliver_everything
from tests.clients import ApiCase, ApiClient, make_key
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import Seats, book

SAGAS = "/api/v1/sagas"


def broken(wanted):
    raise LookupError("the line is dead")


class Sagas(ApiCase):
    scopes = ("ops:read", "ops:write")

    def setUp(self):
        super().setUp()
        transport().flush()
        trips.declare(self)
        for key in ("over", "waits", "stuck"):
            Seats.rule = staticmethod(broken if key != "over" else lambda wanted: None)
            book(key)
            deliver_everything()
        SagaInstance.objects.filter(key="stuck").update(trouble="test.reserve_seat failed 5 times")
        self.stuck = SagaInstance.objects.get(key="stuck")
        self.command = SagaCommand.objects.get(saga=self.stuck)

    def keys(self, query=""):
        return [row["key"] for row in self.api.read(SAGAS + query).json()["data"]]

    def url(self, verb=""):
        return f"{SAGAS}/{self.stuck.pk}{verb}"

    def of_command(self, verb, pk=None):
        return f"/api/v1/saga-commands/{pk or self.command.pk}/{verb}"

    def test_they_are_listed_with_what_they_wait_for(self):
        self.assertEqual(self.keys(), ["stuck", "waits", "over"])
        self.assertEqual(self.keys("?trouble=true"), ["stuck"])
        self.assertEqual(self.keys("?trouble=false&status=running"), ["waits"])
        self.assertEqual(self.keys("?saga=test.trip&key=over"), ["over"])
        self.assertEqual(self.keys("?key=over"), ["over"])
        self.assertEqual(self.keys("?saga=orders.other"), [])
        (row,) = self.api.read(f"{SAGAS}?key=waits").json()["data"]
        self.assertEqual((row["deadline"]["name"], row["command"]["name"]), ("seat", "test.reserve_seat"))
        self.assertIn("LookupError", row["command"]["note"])

    def test_pages_follow_that_order(self):
        page = self.api.read(f"{SAGAS}?limit=2").json()
        rest = self.api.read(f"{SAGAS}?limit=2&cursor={page['next_cursor']}").json()
        self.assertEqual([row["key"] for row in page["data"] + rest["data"]], ["stuck", "waits", "over"])
        self.assertEqual((page["has_more"], rest["has_more"]), (True, False))
        self.assertProblem(self.api.read(f"{SAGAS}?cursor=eA"), 400, "invalid_cursor")
        self.assertProblem(self.api.read(f"{SAGAS}?status=dead"), 400, "invalid_parameter")

    def test_one_tells_its_steps_commands_and_deadlines(self):
        told = self.api.read(f"{SAGAS}/{SagaInstance.objects.get(key='over').pk}").json()
        self.assertEqual(
            [(step["number"], step["event"]["name"]) for step in told["story"]], [(1, "test.trip_booked"), (2, "test.seat_reserved")]
        )
        self.assertEqual(told["story"][1]["changes"], [{"path": "reserved", "kind": "changed", "before": False, "after": True}])
        (command,) = told["commands"]
        self.assertEqual((command["step"], command["state"], command["data"]), (1, "done", {"trip": "over"}))
        self.assertEqual([event["id"] for event in command["events"]], [str(read_stream("seat-over")[0].id)])
        self.assertEqual([(one["name"], one["state"]) for one in told["deadlines"]], [("seat", "cancelled")])
        self.assertProblem(self.api.read(f"{SAGAS}/{uuid4()}"), 404, "saga_not_found")

    def test_it_is_asked_to_undo_itself_as_it_was_shown(self):
        wish = {"reason": "the customer called", "version": self.stuck.version}
        told = self.api.send(self.url("/compensate"), wish).json()
        self.assertEqual((told["key"], told["version"]), ("stuck", self.stuck.version + 1))
        read = self.api.read(self.url()).json()
        self.assertEqual(read["story"][-1]["event"]["said"], "Somebody asked it to undo what it did: the customer called")
        self.assertProblem(self.api.send(self.url("/compensate"), wish), 409, "stream_moved")
        self.assertProblem(self.api.send(self.url("/compensate"), {}), 422, "validation_error")
        deliver_everything()
        self.stuck.refresh_from_db()
        self.assertEqual(self.stuck.status, "compensating")

    def test_it_is_closed_once(self):
        first = self.api.send(self.url("/close"), {"reason": "nobody travels"}, key="k1")
        self.assertEqual((first.json()["outcome"], first.json()["command"], first.json()["trouble"]), ("closed by hand", None, ""))
        again = self.api.send(self.url("/close"), {"reason": "nobody travels"}, key="k1")
        self.assertEqual((again.content, again["Idempotency-Replayed"]), (first.content, "true"))
        self.assertProblem(self.api.send(self.url("/close"), {"reason": "once more"}), 409, "saga_finished")
        self.assertProblem(self.api.send(f"{SAGAS}/{UUID(int=1)}/close", {"reason": "who"}), 404, "saga_not_found")

    def test_its_command_is_retried_or_settled(self):
        answer = self.api.send(self.of_command("retry"), {"reason": "the line is back"})
        self.assertEqual((answer.status_code, answer["Location"]), (202, self.url()))
        told = self.api.send(self.of_command("settle"), {"reason": "by telephone"}).json()
        self.assertEqual((told["saga_id"], told["state"], told["note"]), (str(self.stuck.pk), "done", "settled by hand: by telephone"))
        for verb in ("retry", "settle"):
            self.assertProblem(self.api.send(self.of_command(verb), {"reason": "again"}), 409, "command_not_waiting")
            self.assertProblem(self.api.send(self.of_command(verb, uuid4()), {"reason": "who"}), 404, "command_not_found")
        told = [(e.event.what, e.actor) for e in read_stream("operations") if e.name == "eventstore.saga_handled"]
        self.assertEqual(told, [("retried", "key:shop"), ("settled", "key:shop")])

    def test_looking_is_one_scope_and_acting_another(self):
        looker = ApiClient(make_key("looker", ("ops:read",)))
        self.assertEqual(looker.read(SAGAS).status_code, 200)
        self.assertProblem(looker.send(self.url("/close"), {"reason": "no"}), 403, "scope_missing")
        self.assertEqual(sagas.measured()[0].troubled, 1)
