"""Another payload for an event is checked against the event's schema, whichever event it is."""

from django.test import SimpleTestCase

from eventstore.delivery import corrections
from eventstore.messages import registered_events


class Mistakes(SimpleTestCase):
    def test_every_event_that_the_code_knows_can_be_checked(self):
        for name, cls in registered_events().items():
            with self.subTest(name):
                self.assertIsInstance(corrections.mistakes(cls, {}), list)
                self.assertTrue(corrections.mistakes(cls, []))

    def test_money_that_is_no_whole_number_is_told_by_its_pointer(self):
        line = {"sku": "tea", "quantity": 1, "unit_price": "4.50"}
        data = {
            "order_id": "01900000-0000-7000-8000-000000000001",
            "currency": "JPY",
            "customer_ref": "C1",
            "lines": [line],
            "total": "450",
        }
        found = corrections.mistakes(registered_events()["orders.order_placed"], data)
        self.assertEqual([(mistake["pointer"], mistake["code"]) for mistake in found], [("#/lines/0/unit_price", "pattern")])
        line["unit_price"] = "450"
        self.assertEqual(corrections.mistakes(registered_events()["orders.order_placed"], data), [])
