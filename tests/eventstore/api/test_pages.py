"""Lists in pages, and parameters that are checked like bodies."""

from typing import Any
from uuid import UUID

from eventstore.api.pages import to_cursor
from eventstore.clock import now
from orders.models.read import OrderSummary
from tests.clients import ApiCase


class Pages(ApiCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        for number in range(1, 8):
            cls.place(number)

    @classmethod
    def place(cls, number: int) -> None:
        OrderSummary.objects.create(
            order_id=UUID(int=number), status="placed", currency="EUR", customer_ref="C", placed_at=now(), changed_at=now(), version=1
        )

    def read(self, query: str = "") -> Any:
        return self.api.read(query if query.startswith("/") else f"/api/v1/orders{query}")

    def numbers(self, answer: Any) -> list[int]:
        self.assertEqual(answer.status_code, 200, answer.content)
        return [UUID(row["id"]).int for row in answer.json()["data"]]

    def refused(self, query: str) -> Any:
        answer = self.read(query)
        self.assertEqual(answer.status_code, 400, answer.content)
        return answer.json()

    def test_pages_follow_each_other_and_the_last_says_so(self):
        seen, answer = [], self.read("?limit=3")
        while True:
            seen.append(self.numbers(answer))
            told = answer.json()
            self.assertEqual(told["has_more"], told["next_cursor"] is not None)
            self.assertEqual(answer.has_header("Link"), told["has_more"])
            if not told["has_more"]:
                break
            address = answer["Link"].removeprefix("<").partition(">")
            self.assertEqual(address[2], '; rel="next"')
            answer = self.read(address[0])
        self.assertEqual(seen, [[7, 6, 5], [4, 3, 2], [1]])

    def test_rows_that_come_in_between_move_nothing(self):
        cursor = self.read("?limit=3").json()["next_cursor"]
        self.place(9)
        self.assertEqual(self.numbers(self.read(f"?limit=3&cursor={cursor}")), [4, 3, 2])

    def test_filters_stay_on_the_way(self):
        OrderSummary.objects.filter(order_id__in=[UUID(int=2), UUID(int=5), UUID(int=6)]).update(status="cancelled")
        answer = self.read("?limit=2&status=cancelled")
        self.assertEqual(self.numbers(answer), [6, 5])
        self.assertEqual(self.numbers(self.read(answer["Link"][1:].partition(">")[0])), [2])

    def test_a_cursor_that_is_not_ours_is_refused(self):
        for cursor in ("x", "!!!!", "====", to_cursor("seven"), to_cursor("\0"), "%00", "a" * 20_000, "é"):
            with self.subTest(cursor[:20]):
                self.assertIn(self.refused(f"?cursor={cursor}")["code"], ("invalid_cursor", "invalid_parameter"))
        self.assertEqual(self.refused("?cursor=")["code"], "invalid_parameter")

    def test_unknown_parameters_are_all_named(self):
        told = self.refused("?limt=3&statsu=placed")
        self.assertEqual([mistake["parameter"] for mistake in told["errors"]], ["limt", "statsu"])

    def test_values_that_do_not_fit_are_named(self):
        for query in (
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=",
            "status=lost",
            "created_gte=today",
            "created_lt=2026-01-01T00:00:00",
        ):
            with self.subTest(query):
                self.assertEqual([mistake["parameter"] for mistake in self.refused(f"?{query}")["errors"]], [query.partition("=")[0]])
        for query in ("customer_ref=%00", "customer_ref=%FF", "customer_ref=a&customer_ref=b", "%00=1"):
            with self.subTest(query):
                self.assertEqual(self.refused(f"?{query}")["code"], "invalid_parameter")

    def test_times_are_told_with_their_zone(self):
        self.assertEqual(len(self.numbers(self.read("?created_gte=2000-01-01T00:00:00Z&created_lt=2999-01-01T00:00:00%2B09:00"))), 7)
        self.assertEqual(self.numbers(self.read("?created_lt=2000-01-01T00:00:00Z")), [])
