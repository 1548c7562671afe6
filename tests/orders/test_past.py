"""An order as of a version, a position or a time: the answer it would have been, and how sure that is."""

from datetime import timedelta

from eventstore.log import read_stream
from eventstore.testing import deliver_everything
from orders.domain import orders
from tests.clients import ApiCase
from tests.orders.examples import ID

ORDER = f"/api/v1/orders/{ID}"


class PastOrders(ApiCase):
    def setUp(self):
        super().setUp()
        line = {"sku": "TEA", "quantity": 2, "unit_price": "450"}
        place = {"order_id": str(ID), "currency": "EUR", "customer_ref": "ada", "lines": [line]}
        self.shown = []
        for act in (
            lambda: self.api.send("/api/v1/orders", place),
            lambda: self.api.call("PATCH", ORDER, {"customer_ref": "bob"}, if_match='"1"'),
            lambda: self.api.send(f"{ORDER}/cancel", {"reason": "no"}),
        ):
            self.position = act().headers["Event-Position"]
            deliver_everything()
            self.shown.append(self.api.read(ORDER).json())
        self.log = read_stream(orders.stream(ID))

    def past(self, moment):
        return self.api.read(f"{ORDER}?as_of={moment}")

    def test_it_is_the_answer_that_was_given_then(self):
        for envelope, shown in zip(self.log, self.shown, strict=True):
            for moment in (
                envelope.version,
                f"{envelope.partition}-{envelope.position}",
                envelope.recorded_at.isoformat(),  # with a plus that nobody escaped
                envelope.recorded_at.isoformat().replace("+", "%2B"),
            ):
                with self.subTest(moment):
                    answer = self.past(moment)
                    told = answer.json()
                    as_of = told.pop("as_of")
                    self.assertEqual((told, answer.headers["ETag"]), (shown, f'"{envelope.version}"'))
                    self.assertEqual((as_of["version"], as_of["event_id"]), (envelope.version, str(envelope.id)))
                    self.assertEqual((as_of["position"], as_of["final"]), (f"{envelope.partition}-{envelope.position}", True))
        self.assertNotIn("as_of", self.shown[0])

    def test_the_position_that_a_command_gave_is_the_order_after_it(self):
        self.assertEqual(self.past(self.position).json()["status"], "cancelled")

    def test_the_future_is_as_of_now_and_may_change(self):
        told = self.past((self.log[-1].recorded_at + timedelta(days=1)).isoformat()).json()
        self.assertEqual((told["status"], told["as_of"]["final"]), ("cancelled", False))

    def test_before_it_was_placed_there_was_none(self):
        for moment in ("0", "2001-01-01T00:00:00Z", "7"):
            with self.subTest(moment):
                self.assertProblem(self.past(moment), 404, "nothing_then")

    def test_what_is_no_moment_is_told_so(self):
        for moment in ("soon", "-3", "2026-10-24T08:00:00", "99999-1"):
            with self.subTest(moment):
                problem = self.assertProblem(self.past(moment), 422, "as_of_invalid")
                self.assertEqual(problem["errors"][0]["pointer"], "#/as_of")
