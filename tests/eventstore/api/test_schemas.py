"""Schemas over HTTP: what there is, what goes out, what it looks like."""

import jsonschema_rs

from tests.clients import ApiCase


class Schemas(ApiCase):
    scopes = ("events:read",)

    def test_all_events_are_listed_with_what_goes_out_of_them(self):
        told = {each["name"]: each for each in self.api.read("/api/v1/schemas").json()["data"]}
        placed = told["orders.order_placed"]
        self.assertEqual((placed["versions"], placed["goes_out"], placed["forms"]), ([1], [1], ["full", "notification"]))
        self.assertEqual(
            (placed["compatibility"], placed["title"]), ("forward", "A customer committed to buy these lines at these prices.")
        )
        self.assertEqual(told["ledger.transaction_posted"]["goes_out"], [])

    def test_an_event_has_all_its_versions_and_forms(self):
        told = self.api.read("/api/v1/schemas/orders.order_cancelled").json()
        self.assertEqual([(each["version"], each["form"]) for each in told["schemas"]], [(1, "full"), (1, "notification")])

    def test_a_version_is_a_schema_that_stands_alone(self):
        told = self.api.read("/api/v1/schemas/orders.order_cancelled/1").json()
        cancelled = {"order_id": "00000000-0000-0000-0000-000000000001", "reason": "no"}
        jsonschema_rs.validate(told["json_schema"], cancelled, validate_formats=True)
        self.assertFalse(jsonschema_rs.is_valid(told["json_schema"], {"order_id": "1"}, validate_formats=True))
        told = self.api.read("/api/v1/schemas/orders.order_cancelled/1?form=notification").json()
        self.assertEqual(list(told["json_schema"]["properties"]), ["order_id"])

    def test_what_is_not_there_is_told_with_what_is(self):
        told = self.assertProblem(self.api.read("/api/v1/schemas/orders.order_cancelled/7"), 404, "not_found")
        self.assertIn("Known: orders.order_cancelled version 1", told["detail"])
        self.assertProblem(self.api.read("/api/v1/schemas/orders.nothing"), 404, "not_found")
        self.assertProblem(self.api.read("/api/v1/schemas/ledger.entry_posted/1?form=notification"), 404, "not_found")
