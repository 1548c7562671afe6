"""Mistakes in a body: all of them, each with its pointer."""

from typing import Any
from uuid import UUID

from django.test import SimpleTestCase

from eventstore.api.problems import Problem
from eventstore.api.shapes import MOST, decode
from orders.commands import CancelOrder, PlaceOrder, UpdateOrder

LINE = {"sku": "tea", "quantity": 2, "unit_price": "450"}
ORDER: dict[str, Any] = {"currency": "JPY", "customer_ref": "C1", "lines": [LINE]}
ID = UUID(int=7)


class Decoding(SimpleTestCase):
    def mistakes(self, value: Any, shape: Any = PlaceOrder, **given: str) -> dict[str, str]:
        with self.assertRaises(Problem) as told:
            decode(shape, value, given)
        self.assertEqual((told.exception.status, told.exception.code), (422, "validation_error"))
        return {mistake["pointer"]: mistake["code"] for mistake in told.exception.errors}

    def test_a_good_body_is_the_command(self):
        command = decode(PlaceOrder, ORDER, {})
        self.assertEqual((command.currency, command.lines[0].amount), ("JPY", 900))

    def test_all_mistakes_are_told_at_once(self):
        order = {"currency": "yen", "lines": [LINE | {"quantity": 0, "unit_price": 450}, {"sku": ""}], "charges": {}, "wish": 1}
        self.assertEqual(
            self.mistakes(order),
            {
                "#/currency": "pattern",
                "#/customer_ref": "required",
                "#/lines/0/quantity": "minimum",
                "#/lines/0/unit_price": "type",
                "#/lines/1/quantity": "required",
                "#/lines/1/unit_price": "required",
                "#/lines/1/sku": "minLength",
                "#/charges": "type",
                "#/wish": "unknown_field",
            },
        )

    def test_unknown_fields_are_mistakes_at_every_level(self):
        self.assertEqual(self.mistakes(ORDER | {"lines": [LINE | {"tax": 1}]}), {"#/lines/0/tax": "unknown_field"})

    def test_a_misspelt_field_is_told_what_was_meant_in_its_own_object(self):
        with self.assertRaises(Problem) as told:
            decode(PlaceOrder, ORDER | {"lines": [LINE | {"quantty": 1}]}, {})
        self.assertIn("Did you mean quantity?", told.exception.errors[0]["detail"])
        with self.assertRaises(Problem) as told:
            decode(PlaceOrder, ORDER | {"quantty": 1}, {})
        self.assertNotIn("quantity", told.exception.errors[0]["detail"])

    def test_an_optional_field_that_is_there_is_looked_into(self):
        self.assertEqual(
            self.mistakes({"lines": [LINE | {"quantity": 0}]}, UpdateOrder, order_id=str(ID)), {"#/lines/0/quantity": "minimum"}
        )

    def test_what_is_almost_a_number_is_none(self):
        for value in (True, "2", 2.5, None, [2], 2.0, 1e3):
            with self.subTest(value):
                self.assertEqual(self.mistakes(ORDER | {"lines": [LINE | {"quantity": value}]}), {"#/lines/0/quantity": "type"})

    def test_money_is_digits_and_nothing_else(self):
        for value in ("-5", "1.0", "1e3", "+5", " 5", "5\n", "", "0x1", "007", "\uff11\uff12", "9" * 31):
            with self.subTest(value):
                self.assertEqual(self.mistakes(ORDER | {"lines": [LINE | {"unit_price": value}]}), {"#/lines/0/unit_price": "pattern"})
        order = decode(PlaceOrder, ORDER | {"lines": [LINE | {"unit_price": "9" * 30}]}, {})
        self.assertEqual(order.lines[0].unit_price, "9" * 30)

    def test_an_id_must_be_one(self):
        self.assertEqual(self.mistakes(ORDER | {"order_id": "7"}), {"#/order_id": "format"})
        self.assertEqual(decode(PlaceOrder, ORDER | {"order_id": str(ID)}, {}).order_id, ID)

    def test_what_the_address_says_the_body_may_not_say_again(self):
        self.assertEqual(decode(CancelOrder, {"reason": "late"}, {"order_id": str(ID)}).order_id, ID)
        self.assertEqual(
            self.mistakes({"reason": "late", "order_id": str(ID)}, CancelOrder, order_id=str(ID)), {"#/order_id": "unknown_field"}
        )

    def test_pointers_are_escaped(self):
        self.assertEqual(self.mistakes(ORDER | {"a/b~c é": 1}), {"#/a~1b~0c%20%C3%A9": "unknown_field"})

    def test_long_values_and_long_lists_of_mistakes_are_cut(self):
        with self.assertRaises(Problem) as told:
            decode(PlaceOrder, ORDER | {"currency": "x" * 100_000, "lines": [{}] * 1000}, {})
        self.assertEqual(len(told.exception.errors), MOST)
        self.assertLess(max(len(mistake["detail"]) for mistake in told.exception.errors), 300)
        self.assertIn("more, see errors", str(told.exception))
