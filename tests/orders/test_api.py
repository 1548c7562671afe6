"""Orders over HTTP, as a shop's front end meets them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.test import TransactionTestCase

from eventstore.log import read_stream
from eventstore.messages import dispatch
from eventstore.testing import deliver_everything
from orders.commands import ConfirmOrder, RejectOrder
from orders.models import Order
from tests.clients import ApiCase, ApiClient, make_key

TEA = {"sku": "TEA", "quantity": 2, "unit_price": "450"}
CUP = {"sku": "CUP", "quantity": 6, "unit_price": "1200"}
ORDER: dict[str, Any] = {"currency": "JPY", "customer_ref": "ada", "lines": [TEA, CUP], "charges": [{"kind": "postage", "amount": "300"}]}


class Shop(ApiCase):
    def place(self, **changes: Any) -> Any:
        answer = self.api.send("/api/v1/orders", ORDER | changes)
        self.assertEqual(answer.status_code, 201, answer.content)
        return answer


class Placing(Shop):
    def test_a_placed_order_says_where_it_is_and_what_it_comes_to(self):
        answer = self.place()
        told = answer.json()
        self.assertEqual(answer["Location"], f"/api/v1/orders/{told['id']}")
        self.assertEqual((answer["ETag"], told["version"], told["status"]), ('"1"', 1, "placed"))
        self.assertEqual(told["totals"], {"items": "8100", "charges": "300", "total": "8400", "refunded": "0"})
        self.assertEqual(told["lines"], [TEA, CUP])
        self.assertRegex(answer["Event-Position"], r"^\d+-1$")

    def test_the_least_order_is_three_fields(self):
        answer = self.api.send("/api/v1/orders", {"currency": "JPY", "customer_ref": "ada", "lines": [TEA]})
        self.assertEqual((answer.status_code, answer.json()["totals"]["total"]), (201, "900"))

    def test_money_is_exact_at_any_size(self):
        moon = {"sku": "MOON", "quantity": 10, "unit_price": "9" * 29}
        self.assertEqual(self.place(lines=[moon], charges=[]).json()["totals"]["total"], "9" * 29 + "0")
        self.assertProblem(self.api.send("/api/v1/orders", ORDER | {"lines": [moon | {"quantity": 100}]}), 422, "total_too_large")

    def test_a_client_may_bring_the_id_and_then_a_second_order_is_the_same(self):
        order_id = str(uuid4())
        first = self.place(order_id=order_id)
        again = self.api.send("/api/v1/orders", ORDER | {"order_id": order_id})
        self.assertEqual((first.json()["id"], again.status_code), (order_id, 200), "nothing was created")
        self.assertEqual(again.json(), first.json())
        other = self.api.send("/api/v1/orders", ORDER | {"order_id": order_id, "lines": [TEA]})
        self.assertProblem(other, 409, "order_exists")
        self.assertEqual(len(read_stream(f"order-{order_id}")), 1)

    def test_every_mistake_of_an_order_is_told(self):
        told = self.assertProblem(self.api.send("/api/v1/orders", {"lines": [TEA | {"quantity": 0}]}), 422, "validation_error")
        self.assertEqual({mistake["pointer"] for mistake in told["errors"]}, {"#/currency", "#/customer_ref", "#/lines/0/quantity"})
        self.assertFalse(Order.objects.exists())

    def test_it_costs_few_statements(self):
        self.place()
        # Django sees: savepoint, insert, release. It does not see the four that are prepared: the key, the claim,
        # the kept answer, the events. Only an id that the client brought is looked for.
        with self.assertNumQueries(3):
            self.place()
        with self.assertNumQueries(4):
            self.place(order_id=str(uuid4()))


class Reading(Shop):
    def test_an_order_that_was_just_placed_can_be_waited_for(self):
        answer = self.place()
        early = self.api.read(answer["Location"], min_position=answer["Event-Position"], prefer="wait=0")
        self.assertProblem(early, 503, "projection_behind")
        self.assertEqual(early["Retry-After"], "1")
        deliver_everything()
        found = self.api.read(answer["Location"], min_position=answer["Event-Position"])
        self.assertEqual((found.status_code, found["ETag"]), (200, '"1"'))
        told = found.json()
        self.assertEqual({name: told[name] for name in answer.json()}, answer.json())
        self.assertIn(answer["Event-Position"], found["As-Of-Position"].split("."))

    def test_a_malformed_position_is_a_mistake(self):
        for position in ("", "seven", "1", "1-", "1-2.", "-1-2", "99999999-1", "1-2;drop"):
            with self.subTest(position):
                self.assertProblem(self.api.read(f"/api/v1/orders/{uuid4()}", min_position=position), 400, "invalid_parameter")

    def test_who_has_this_version_gets_nothing(self):
        address = self.place()["Location"]
        deliver_everything()
        found = self.api.read(address, if_none_match='"1"')
        self.assertEqual((found.status_code, found.content, found["ETag"]), (304, b"", '"1"'))
        self.assertEqual(self.api.read(address, if_none_match='"2"').status_code, 200)

    def test_an_unknown_order_is_not_found_in_any_view(self):
        for tail in ("", "/events", "/timeline"):
            with self.subTest(tail):
                self.assertProblem(self.api.read(f"/api/v1/orders/{uuid4()}{tail}"), 404, "order_not_found")
        self.assertProblem(self.api.send(f"/api/v1/orders/{uuid4()}/cancel", {"reason": "x"}), 404, "order_not_found")

    def test_the_list_is_filtered_and_newest_first(self):
        placed = [self.place(customer_ref=who).json()["id"] for who in ("ada", "bob", "ada")]
        self.api.send(f"/api/v1/orders/{placed[0]}/cancel", {"reason": "late"})
        deliver_everything()

        def ids(query: str) -> list[str]:
            return [row["id"] for row in self.api.read(f"/api/v1/orders{query}").json()["data"]]

        self.assertEqual(ids(""), placed[::-1])
        self.assertEqual(ids("?customer_ref=ada"), [placed[2], placed[0]])
        self.assertEqual(ids("?status=cancelled"), [placed[0]])
        self.assertEqual(ids("?status=placed&customer_ref=bob&currency=JPY"), [placed[1]])
        self.assertEqual(ids("?currency=EUR"), [])

    def test_a_confirmed_and_a_rejected_order_say_so(self):
        account = str(uuid4())
        confirmed, rejected = (UUID(self.place(pay_from=account).json()["id"]) for _ in range(2))
        hold = uuid4()
        dispatch(ConfirmOrder(order_id=confirmed, hold_id=hold))
        dispatch(RejectOrder(order_id=rejected, reason="no money"))
        deliver_everything()
        told = self.api.read(f"/api/v1/orders/{confirmed}").json()
        self.assertEqual((told["status"], told["pay_from"], told["hold_id"]), ("confirmed", account, str(hold)))
        told = self.api.read(f"/api/v1/orders/{rejected}").json()
        self.assertEqual((told["status"], told["hold_id"], told["reject_reason"]), ("rejected", None, "no money"))
        for status, order_id in (("confirmed", confirmed), ("rejected", rejected)):
            (row,) = self.api.read(f"/api/v1/orders?status={status}").json()["data"]
            self.assertEqual(row["id"], str(order_id))
        self.assertEqual(self.api.send(f"/api/v1/orders/{confirmed}/cancel", {"reason": "late"}).json()["status"], "cancelled")
        self.assertProblem(self.api.send(f"/api/v1/orders/{rejected}/cancel", {"reason": "late"}), 409, "order_rejected")

    def test_the_events_of_an_order_are_what_was_recorded(self):
        address = self.place()["Location"]
        self.api.send(f"{address}/cancel", {"reason": "late"}, x_correlation_id="complaint-7")
        told = self.api.read(f"{address}/events").json()["data"]
        self.assertEqual([(event["name"], event["version"]) for event in told], [("orders.order_placed", 1), ("orders.order_cancelled", 2)])
        self.assertEqual((told[1]["facts"]["actor"], told[1]["facts"]["correlation"]), ("key:shop", "complaint-7"))
        page = self.api.read(f"{address}/events?limit=1")
        self.assertTrue(page.json()["has_more"])
        rest = self.api.read(page["Link"][1:].partition(">")[0]).json()
        self.assertEqual(([event["version"] for event in rest["data"]], rest["has_more"]), ([2], False))
        self.assertProblem(self.api.read(f"{address}/events?cursor=eA"), 400, "invalid_cursor")

    def test_the_timeline_tells_it_in_sentences(self):
        address = self.place()["Location"]
        self.api.send(f"{address}/cancel", {"reason": "came late"})
        deliver_everything()
        told = [entry["sentence"] for entry in self.api.read(f"{address}/timeline").json()["data"]]
        self.assertEqual(len(told), 2)
        self.assertIn("came late", told[1])


class Changing(Shop):
    def test_a_change_is_meant_for_a_version(self):
        address = self.place()["Location"]
        patch = {"lines": [TEA]}
        self.assertProblem(self.api.call("PATCH", address, patch), 428, "precondition_required")
        changed = self.api.call("PATCH", address, patch, if_match='"1"')
        self.assertEqual((changed.status_code, changed["ETag"], changed.json()["totals"]["items"]), (200, '"2"', "900"))
        self.assertProblem(self.api.call("PATCH", address, {"lines": [CUP]}, if_match='"1"'), 412, "version_mismatch")
        self.assertEqual(Order.objects.get().version, 2)

    def test_a_change_that_changes_nothing_is_no_event(self):
        address = self.place()["Location"]
        same = self.api.call("PATCH", address, {"customer_ref": "ada"}, if_match='"1"')
        self.assertEqual((same.status_code, same["ETag"], same.get("Event-Position")), (200, '"1"', None))

    def test_a_repeated_change_with_its_key_is_the_first_one(self):
        address = self.place()["Location"]
        first, again = (self.api.call("PATCH", address, {"lines": [TEA]}, key="K", if_match='"1"') for _ in range(2))
        self.assertEqual((again.status_code, again.content, again["Idempotency-Replayed"]), (200, first.content, "true"))

    def test_cancelling_twice_is_cancelling_once(self):
        address = self.place()["Location"]
        first = self.api.send(f"{address}/cancel", {"reason": "late"})
        again = self.api.send(f"{address}/cancel", {"reason": "very late"})
        self.assertEqual((first.json()["status"], first["ETag"]), ("cancelled", '"2"'))
        self.assertEqual((again.status_code, again["ETag"]), (200, '"2"'))
        self.assertProblem(self.api.call("PATCH", address, {"lines": [TEA]}, if_match='"2"'), 409, "order_cancelled")

    def test_a_refund_gives_back_what_was_bought_and_no_more(self):
        address = self.place()["Location"]
        one = {"lines": [TEA | {"quantity": 1}], "reason": "chipped"}
        told = self.api.send(f"{address}/refund", one | {"refund_id": "r1"}).json()
        self.assertEqual(told["totals"]["refunded"], "450")
        again = self.api.send(f"{address}/refund", one | {"refund_id": "r1"})
        self.assertEqual((again.status_code, again.json()["totals"]["refunded"]), (200, "450"), "the same refund")
        more = self.api.send(f"{address}/refund", {"lines": [TEA], "reason": "chipped", "refund_id": "r2"})
        self.assertEqual((more.status_code // 100, more.json()["type"].startswith("/problems/refund")), (4, True), more.content)

    def test_each_door_has_its_scope(self):
        reader = ApiClient(make_key(scopes=("orders:read",)))
        address = self.place()["Location"]
        self.assertProblem(reader.send("/api/v1/orders", ORDER), 403, "scope_missing")
        self.assertProblem(reader.send(f"{address}/cancel", {"reason": "x"}), 403, "scope_missing")
        self.assertEqual(reader.read(f"{address}/events").status_code, 200)
        writer = ApiClient(make_key(scopes=("orders:write",)))
        self.assertProblem(writer.read("/api/v1/orders"), 403, "scope_missing")
        self.assertEqual(writer.send("/api/v1/orders", ORDER).status_code, 201)

    def test_what_cannot_be_done_here_says_what_can(self):
        address = self.place()["Location"]
        for method, path, allowed in (
            ("DELETE", address, "GET, PATCH, HEAD, OPTIONS"),
            ("PUT", "/api/v1/orders", "GET, POST, HEAD, OPTIONS"),
            ("GET", f"{address}/cancel", "POST, OPTIONS"),
        ):
            with self.subTest(method):
                answer = self.api.call(method, path)
                self.assertProblem(answer, 405, "method_not_allowed")
                self.assertEqual(answer["Allow"], allowed)


class Racing(TransactionTestCase):
    """Real threads, real transactions."""

    def setUp(self):
        self.key = make_key()

    def at_once(self, count: int, method: str, path: str, body: Any, **headers: str) -> list[Any]:
        start = threading.Barrier(count)

        def run(_: int) -> Any:
            start.wait(20)
            try:
                return ApiClient(self.key).call(method, path, body, **headers)
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(run, range(count)))

    def test_the_same_id_from_several_clients_at_once_is_one_order_and_nobody_sees_a_crash(self):
        for number in range(5):
            order_id = UUID(int=number)
            answers = self.at_once(6, "POST", "/api/v1/orders", ORDER | {"order_id": str(order_id)})
            told = sorted(answer.status_code for answer in answers)
            self.assertEqual(told.count(201), 1, told)
            self.assertLessEqual(set(told), {200, 201, 409})
            self.assertEqual(len(read_stream(f"order-{order_id}")), 1)

    def test_of_several_changes_for_one_version_one_wins(self):
        address = ApiClient(self.key).send("/api/v1/orders", ORDER)["Location"]
        answers = self.at_once(6, "PATCH", address, {"lines": [TEA]}, if_match='"1"')
        told = sorted(answer.status_code for answer in answers)
        self.assertEqual(told, [200, 412, 412, 412, 412, 412])

    def test_a_reader_that_waits_sees_its_own_write_when_the_read_table_gets_there(self):
        answer = ApiClient(self.key).send("/api/v1/orders", ORDER)

        def deliver() -> None:
            deliver_everything()
            connection.close()

        timer = threading.Timer(0.2, deliver)
        timer.start()
        found = ApiClient(self.key).read(answer["Location"], min_position=answer["Event-Position"], prefer="wait=10")
        timer.join()
        self.assertEqual((found.status_code, found["Preference-Applied"]), (200, "wait=10"))
        self.assertEqual(found.json()["id"], answer.json()["id"])
