"""Read tables over HTTP: how far they are behind, rebuilt in place, paused and resumed."""

from eventstore.log import read_stream
from eventstore.testing import deliver_everything
from orders.models import OrderSummary
from tests.clients import ApiCase
from tests.eventstore.management.test_rebuild import place

PROJECTIONS = "/api/v1/projections"
WHY = {"reason": "let the shop breathe"}


class Projections(ApiCase):
    scopes = ("ops:read", "ops:write")

    def one(self, name="orders.order_list"):
        return next(row for row in self.api.read(PROJECTIONS).json()["data"] if row["name"] == name)

    def test_each_tells_its_tables_and_how_far_it_is_behind(self):
        place(1)
        row = self.one()
        self.assertEqual((row["tables"], row["state"], row["lag_events"]), (["orders_ordersummary"], "running", 1))

    def test_paused_it_takes_nothing_and_resumed_it_goes_on(self):
        self.assertEqual(self.api.send(f"{PROJECTIONS}/orders.order_list/pause", WHY).json()["state"], "paused")
        place(1)
        deliver_everything()
        self.assertEqual((self.one()["state"], OrderSummary.objects.count()), ("paused", 0))
        self.assertProblem(self.api.send(f"{PROJECTIONS}/orders.order_list/rebuild", WHY | {"shadow": False}), 409, "projection_rests")
        self.assertEqual(self.api.send(f"{PROJECTIONS}/orders.order_list/resume", WHY).json()["state"], "running")
        deliver_everything()
        self.assertEqual(OrderSummary.objects.count(), 1)
        told = read_stream("operations")[0]
        self.assertEqual((told.actor, told.event.reason), ("key:shop", WHY["reason"]))

    def test_rebuilt_in_place_delivery_fills_it_again(self):
        place(1)
        deliver_everything()
        answer = self.api.send(f"{PROJECTIONS}/orders.order_list/rebuild", WHY | {"shadow": False})
        self.assertEqual((answer.status_code, answer["Location"]), (202, PROJECTIONS))
        self.assertEqual(answer.json(), {"name": "orders.order_list", "run_id": None, "events": 1})
        self.assertEqual(OrderSummary.objects.count(), 0)
        deliver_everything()
        self.assertEqual(OrderSummary.objects.count(), 1)

    def test_a_misspelt_name_is_told_what_was_meant(self):
        for verb in ("rebuild", "pause", "resume"):
            told = self.assertProblem(self.api.send(f"{PROJECTIONS}/orders.orderlist/{verb}", WHY), 404, "not_found")
            self.assertIn("Did you mean orders.order_list?", told["detail"])
