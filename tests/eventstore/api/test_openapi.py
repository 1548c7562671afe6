"""The description of the API is valid and leaves no door out."""

import re
from typing import Any

import jsonschema_rs
from django.test import TestCase, override_settings
from django.urls import URLResolver, get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from eventstore.api import ApiView
from eventstore.api.callers import known_scopes
from eventstore.api.doors import Contract
from tests.clients import ApiClient, make_key

ORDER = {"currency": "JPY", "customer_ref": "C1", "lines": [{"sku": "tea", "quantity": 2, "unit_price": "450"}]}


def doors(resolver: Any = None, prefix: str = "/") -> list[tuple[str, str, Contract]]:
    """Every door of the API: address, method, contract."""
    found = []
    for pattern in (resolver or get_resolver("config.urls")).url_patterns:
        path = prefix + str(pattern.pattern)
        view = getattr(getattr(pattern, "callback", None), "cls", object)
        if isinstance(pattern, URLResolver):
            found += doors(pattern, path)
        elif issubclass(view, ApiView):
            methods = (method for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method))
            found += [(re.sub(r"<\w+:(\w+)>", r"{\1}", path), method, getattr(view, method).contract) for method in methods]
    return found


class Description(TestCase):
    def read(self) -> dict[str, Any]:
        answer = self.client.get("/api/schema")
        self.assertEqual(answer.status_code, 200)
        told: dict[str, Any] = answer.json()
        return told

    def test_it_is_valid_openapi_3_1(self):
        told = self.read()
        self.assertEqual(told["openapi"], "3.1.0")
        self.assertEqual([error.message for error in OpenAPIV31SpecValidator(told).iter_errors()], [])

    def test_every_door_is_there_with_its_scope_and_the_problem_document(self):
        told = self.read()["paths"]
        known = doors()
        self.assertGreater(len(known), 8)
        for path, method, _ in known:
            with self.subTest(f"{method} {path}"):
                operation = told[path][method]
                self.assertIn("Scope: `", operation["description"])
                self.assertTrue(operation["summary"])
                self.assertEqual(operation["responses"]["401"], {"$ref": "#/components/responses/Problem"})
                self.assertEqual("requestBody" in operation, method != "get")

    def test_a_door_that_reads_the_past_tells_of_moments_that_cannot_be_read(self):
        for path, operations in self.read()["paths"].items():
            if "as_of" in [parameter.get("name") for parameter in operations.get("get", {}).get("parameters", [])]:
                self.assertIn("422", operations["get"]["responses"], path)

    def test_no_door_asks_for_a_scope_that_no_key_can_have(self):
        for path, method, contract in doors():
            self.assertIn(contract.scope, known_scopes(), f"{method} {path}")

    def test_answers_have_the_described_shape(self):
        told = self.read()
        client = ApiClient(make_key())
        answer = client.send("/api/v1/orders", ORDER)
        schema = told["paths"]["/api/v1/orders"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate({**schema, "components": told["components"]}, answer.json())
        problem = client.send("/api/v1/orders", {})
        jsonschema_rs.validate({"$ref": "#/components/schemas/Problem", "components": told["components"]}, problem.json())

    def test_what_may_be_sent_is_closed_and_what_comes_back_is_open(self):
        parts = self.read()["components"]["schemas"]
        self.assertIs(parts["PlaceOrder"]["additionalProperties"], False)
        self.assertIs(parts["LineInput"]["additionalProperties"], False)
        self.assertNotIn("additionalProperties", parts["ChangedOrder"])
        self.assertEqual(parts["LineInput"]["properties"]["unit_price"]["pattern"], "^(0|[1-9][0-9]{0,29})$")
        self.assertNotIn("order_id", parts["CancelOrder"]["properties"], "the address says it")

    @override_settings(ALLOWED_HOSTS=["testserver"])
    def test_the_page_to_try_it_loads_nothing_from_elsewhere_and_holds_nothing_inline(self):
        answer = self.client.get("/api/docs")
        page = answer.content.decode()
        self.assertEqual(answer.status_code, 200)
        self.assertNotRegex(page, r"https?://|//cdn|style=|<style|<script>")
        self.assertIn("img-src 'self' data:", answer["Content-Security-Policy"])
        self.assertIn("script-src 'self';", answer["Content-Security-Policy"] + ";")
