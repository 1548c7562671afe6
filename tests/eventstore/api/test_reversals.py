"""Reversing over HTTP: once under one key, refused with what stands on it, known by its scope."""

from eventstore.clock import new_id
from eventstore.log import read_stream
from eventstore.models import Event
from orders.commands import UpdateOrder
from orders.domain import orders
from orders.handlers import handle
from tests.clients import ApiCase, ApiClient, make_key
from tests.orders.examples import ID, place


class Reversing(ApiCase):
    def setUp(self):
        super().setUp()
        handle(place)
        self.placed = read_stream(orders.stream(ID))[0]

    def reverse(self, event_id, body=None, **options):
        return self.api.send(f"/api/v1/events/{event_id}/reverse", {"reason": "placed twice"} if body is None else body, **options)

    def test_the_answer_names_the_events_that_took_it_back(self):
        answer = self.reverse(self.placed.id)
        (_, cancelled) = read_stream(orders.stream(ID))
        self.assertEqual(answer.status_code, 200, answer.content)
        self.assertEqual(
            answer.json(),
            {
                "event_id": str(self.placed.id),
                "command": "orders.cancel_order",
                "reversed_by": [str(cancelled.id)],
                "follows": ["orders.order_cancelled"],
            },
        )
        self.assertIn(f"{cancelled.partition}-{cancelled.position}", answer.headers["Event-Position"])
        self.assertEqual((cancelled.facts["actor"][:4], cancelled.facts["reason"]), ("key:", "placed twice"))

    def test_a_repetition_is_the_same_answer_and_another_request_is_told(self):
        first, again = self.reverse(self.placed.id, key="k1"), self.reverse(self.placed.id, key="k1")
        self.assertEqual((again.json(), again.headers["Idempotency-Replayed"]), (first.json(), "true"))
        told = self.assertProblem(self.reverse(self.placed.id), 409, "already_reversed")
        self.assertEqual(told["reversed_by"], first.json()["reversed_by"])
        self.assertProblem(self.reverse(first.json()["reversed_by"][0]), 409, "is_a_reversal")

    def test_what_stands_on_it_is_listed(self):
        for customer in ("bob", "cleo"):
            handle(UpdateOrder(order_id=ID, customer_ref=customer))
        _, second, third = read_stream(orders.stream(ID))
        told = self.assertProblem(self.reverse(second.id), 409, "has_dependents")
        (dependent,) = told["dependents"]
        self.assertEqual((dependent["id"], dependent["name"], dependent["version"]), (str(third.id), third.name, 3))
        self.assertIn("reverse it first", dependent["sentence"])

    def test_what_is_wrong_with_the_request(self):
        self.assertProblem(self.reverse(new_id()), 404, "event_not_found")
        told = self.assertProblem(self.reverse(self.placed.id, {}), 422, "validation_error")
        self.assertEqual(told["errors"][0]["pointer"], "#/reason")
        self.assertProblem(self.reverse(self.placed.id, {"reason": "  "}), 422, "reason_missing")
        self.assertProblem(self.reverse(self.placed.id, key=None), 400, "idempotency_key_missing")
        self.api = ApiClient(make_key(name="looker", scopes=("ops:read",)))
        self.assertProblem(self.reverse(self.placed.id), 403, "scope_missing")
        self.assertEqual(Event.objects.count(), 1)
