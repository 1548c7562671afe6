"""The ledger over HTTP, as a shop meets it."""

from typing import Any
from unittest import mock
from uuid import uuid4

from django.db import OperationalError
from django.test import TestCase
from psycopg.errors import DeadlockDetected

from eventstore.models import IdempotencyKey
from eventstore.testing import deliver_everything
from ledger.models import Account, Entry, Transaction
from ledger.models.write import AccountQuerySet
from tests.clients import PROBLEM, ApiClient, make_key
from tests.ledger.examples import BANK

ACCOUNTS = "/api/v1/ledger/accounts"


class LedgerTestCase(TestCase):
    def setUp(self):
        self.api = ApiClient(make_key(scopes=("ledger:read", "ledger:write")))

    def opened(self, currency: str = "JPY", **more: Any) -> str:
        answer = self.api.send(ACCOUNTS, {"currency": currency} | more)
        self.assertEqual(answer.status_code, 201, answer.content)
        return str(answer.json()["id"])

    def move(self, what: str, account: str, amount: Any, key: str = "", **more: Any) -> Any:
        body = {"amount": amount, "currency": "JPY", "counterparty": BANK, "external_id": str(uuid4())} | more
        return self.api.send(f"{ACCOUNTS}/{account}/{what}", {name: value for name, value in body.items() if value is not ...}, key=key)

    def assertProblem(self, answer: Any, status: int, code: str, **facts: Any) -> None:
        self.assertEqual((answer.status_code, answer.headers["Content-Type"]), (status, PROBLEM), answer.content)
        told = answer.json()
        self.assertEqual(told["code"], code)
        self.assertLessEqual(facts.items(), told.items())


class Accounts(LedgerTestCase):
    def test_an_account_is_opened_and_read(self):
        answer = self.api.send(ACCOUNTS, {"currency": "EUR", "code": "customer:C42:EUR", "owner_ref": "C42", "credit_limit": "500"})
        self.assertEqual((answer.status_code, answer.headers["ETag"]), (201, '"1"'))
        self.assertIn("Event-Position", answer.headers)
        read = self.api.read(answer.headers["Location"])
        self.assertEqual((read.json(), read.headers["ETag"]), (answer.json(), '"1"'))
        wanted = {"code": "customer:C42:EUR", "kind": "liability", "normal_side": "C", "credit_limit": "500", "exponent": 2}
        self.assertLessEqual(wanted.items(), read.json().items())

    def test_opening_it_again_is_200_and_something_else_409(self):
        body = {"currency": "EUR", "code": "customer:C42:EUR"}
        first, again = self.api.send(ACCOUNTS, body), self.api.send(ACCOUNTS, body)
        self.assertEqual((first.status_code, again.status_code, again.json()), (201, 200, first.json()))
        self.assertProblem(self.api.send(ACCOUNTS, body | {"credit_limit": "1"}), 409, "account_exists", field="credit_limit")

    def test_every_mistake_is_listed(self):
        answer = self.api.send(ACCOUNTS, {"currency": "euro", "kind": "purse", "colour": "red"})
        self.assertProblem(answer, 422, "validation_error")
        self.assertEqual({mistake["pointer"] for mistake in answer.json()["errors"]}, {"#/currency", "#/kind", "#/colour"})

    def test_nobody_without_the_scope(self):
        self.api = ApiClient(make_key(scopes=("ledger:read",)))
        self.assertProblem(self.api.send(ACCOUNTS, {"currency": "EUR"}), 403, "scope_missing", required_scope="ledger:write")

    def test_an_unknown_account_is_404_everywhere(self):
        nobody = f"{ACCOUNTS}/{uuid4()}"
        for path in ("", "/balance", "/balance?consistency=strong", "/entries"):
            self.assertProblem(self.api.read(nobody + path), 404, "account_not_found")
        self.assertProblem(self.move("credit", str(uuid4()), "1"), 404, "account_not_found")
        self.assertProblem(self.api.read(f"/api/v1/ledger/transactions/{uuid4()}"), 404, "transaction_not_found")


class Moving(LedgerTestCase):
    def setUp(self):
        super().setUp()
        self.account = self.opened()

    def balance(self, consistency: str = "eventual", **headers: str) -> Any:
        return self.api.read(f"{ACCOUNTS}/{self.account}/balance?consistency={consistency}", **headers)

    def test_credit_then_withdraw_then_the_balance(self):
        """Scenario A01."""
        self.assertEqual(self.move("credit", self.account, "5000").status_code, 201)
        answer = self.move("withdraw", self.account, "1200", description="cash out")
        told = answer.json()
        self.assertEqual((answer.status_code, answer.headers["ETag"]), (201, '"3"'))
        self.assertEqual([entry["account_version"] for entry in told["transaction"]["entries"]], [3, None])
        self.assertEqual([entry["balance_after"] for entry in told["transaction"]["entries"]], ["3800", None])
        code = f"customer:{self.account}:JPY"
        funds = {"posted": "3800", "pending_out": "0", "pending_in": "0", "credit_limit": "0", "available": "3800"}
        self.assertEqual(told["balances"], {code: funds})
        self.assertEqual(self.api.read(answer.headers["Location"]).json(), told["transaction"])

        self.assertProblem(self.balance(min_position=answer.headers["Event-Position"], prefer="wait=0"), 503, "projection_behind")
        deliver_everything()
        read = self.balance(min_position=answer.headers["Event-Position"])
        self.assertLessEqual(funds.items(), read.json().items())
        self.assertEqual(read.json()["account_version"], 3)
        self.assertEqual(read.json()["as_of"]["position"], answer.headers["Event-Position"])
        self.assertIn("As-Of-Position", read.headers)

    def test_the_strong_balance_waits_for_nobody(self):
        self.move("credit", self.account, "5000")
        self.assertProblem(self.balance(), 404, "account_not_found")
        told = self.balance("strong").json()
        self.assertEqual((told["posted"], told["account_version"], told["as_of"]["consistency"]), ("5000", 2, "strong"))
        bank = Account.objects.get(code=BANK).pk
        self.assertEqual(self.api.read(f"{ACCOUNTS}/{bank}/balance?consistency=strong").json()["posted"], "5000")

    def test_a_refusal_says_what_is_available(self):
        self.move("credit", self.account, "3300")
        answer = self.move("withdraw", self.account, "5000")
        facts = {"account_id": self.account, "available": "3300", "requested": "5000", "currency": "JPY"}
        self.assertProblem(answer, 422, "insufficient_funds", detail="available 3300 JPY, requested 5000 JPY", **facts)
        self.assertNotIn("Event-Position", answer.headers)
        self.assertEqual(Transaction.objects.count(), 1)

    def test_a_refusal_stays_a_refusal_under_its_key(self):
        """Scenario A14: a retry never turns a refusal into a charge."""
        told = {"external_id": "wd-1"}
        refused = self.move("withdraw", self.account, "100", key="K", **told)
        self.assertProblem(refused, 422, "insufficient_funds")
        self.move("credit", self.account, "500")
        self.assertProblem(again := self.move("withdraw", self.account, "100", key="K", **told), 422, "insufficient_funds")
        self.assertEqual((again.content, again.headers["Idempotency-Replayed"]), (refused.content, "true"))
        self.assertEqual(self.move("withdraw", self.account, "100", key="new", **told).status_code, 201)

    def test_an_external_id_is_used_once_for_ever(self):
        """Scenario A13."""
        first = self.move("credit", self.account, "1200", external_id="E")
        again = self.move("credit", self.account, "1200", external_id="E")
        self.assertEqual((first.status_code, again.status_code), (201, 200))
        self.assertEqual((again.json(), again.headers["Location"]), (first.json(), first.headers["Location"]))
        self.assertProblem(self.move("credit", self.account, "1300", external_id="E"), 409, "external_id_conflict", field="amount")
        self.assertEqual(Transaction.objects.count(), 1)

    def test_wrong_amounts_have_codes_of_their_own_and_leave_nothing(self):
        """Scenario A16."""
        wrong = {"0": "amount_not_positive", "-5": "amount_not_positive", "9" * 31: "amount_out_of_range"}
        wrong |= dict.fromkeys(("1.0", "1e3", "+5", " 5", "", "１２", "abc"), "amount_not_integer")
        for amount, code in wrong.items():
            with self.subTest(amount):
                answer = self.move("credit", self.account, amount, key="K")
                self.assertProblem(answer, 422, code)
                self.assertEqual(answer.json()["errors"][0]["pointer"], "#/amount")
        mistyped: list[Any] = [12, 1.5, True, None, ["5"], {}]
        for untold in mistyped:
            with self.subTest(untold):
                answer = self.move("credit", self.account, untold, key="K")
                self.assertProblem(answer, 422, "validation_error")
                self.assertEqual(answer.json()["errors"][0]["pointer"], "#/amount")
        answer = self.move("credit", self.account, "5", counterparty=..., key="K")
        self.assertEqual([mistake["pointer"] for mistake in answer.json()["errors"]], ["#/counterparty"])
        self.assertProblem(self.move("credit", self.account, "5", counterparty=f"customer:{self.account}:JPY"), 422, "same_account")
        self.assertEqual((Transaction.objects.count(), Entry.objects.count(), IdempotencyKey.objects.filter(key="K").count()), (0, 0, 0))

    def test_amounts_come_back_digit_for_digit(self):
        """Scenario A17."""
        for amount in ("9223372036854775808", "9" * 30):
            answer = self.move("credit", self.account, amount)
            self.assertEqual({entry["amount"] for entry in answer.json()["transaction"]["entries"]}, {amount})
        self.assertEqual(self.balance("strong").json()["posted"], str(9223372036854775808 + 10**30 - 1))
        Account.objects.filter(pk=self.account).update(credits_posted=10**38 - 1)
        self.assertProblem(self.move("credit", self.account, "1"), 422, "amount_out_of_range")

    def test_currencies_do_not_mix(self):
        """Scenario A18."""
        self.assertProblem(self.move("credit", self.opened("EUR"), "5"), 422, "currency_mismatch", currency="EUR")
        self.assertProblem(self.move("credit", self.account, "5", currency="XXY"), 422, "unknown_currency")
        self.assertProblem(self.move("credit", self.account, "5", counterparty="piggy:bank:JPY"), 404, "account_not_found")

    def test_a_deadlock_is_busy_and_the_same_key_posts_once_afterwards(self):
        """Scenario A06."""
        self.move("credit", self.account, "500")
        deadlock = OperationalError("deadlock detected")
        deadlock.__cause__ = DeadlockDetected()
        with mock.patch.object(AccountQuerySet, "locked", side_effect=deadlock):
            answer = self.move("withdraw", self.account, "100", key="K", external_id="E")
        self.assertProblem(answer, 503, "busy")
        self.assertEqual((answer.headers["Retry-After"], IdempotencyKey.objects.filter(key="K").count()), ("1", 0))
        for status in (201, 201):
            self.assertEqual(self.move("withdraw", self.account, "100", key="K", external_id="E").status_code, status)
        self.assertEqual((Transaction.objects.count(), self.balance("strong").json()["posted"]), (2, "400"))

    def test_the_end_of_the_world_is_no_business_time(self):
        for told in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-11-22T09:00:00", "yesterday", "2026-02-30T00:00:00Z"):
            with self.subTest(told):
                self.assertEqual(self.move("credit", self.account, "5", effective_at=told).status_code, 422)
        answer = self.move("credit", self.account, "5", effective_at="2026-11-22T09:00:00+09:00")
        self.assertEqual(answer.json()["transaction"]["effective_at"], "2026-11-22T00:00:00Z")

    def test_the_statement_comes_in_pages_newest_first(self):
        for amount in range(1, 6):
            self.move("credit", self.account, str(amount))
        deliver_everything()
        path, seen = f"{ACCOUNTS}/{self.account}/entries?limit=2", []
        page = self.api.read(path).json()
        seen += page["data"]
        while page["has_more"]:
            page = self.api.read(f"{path}&cursor={page['next_cursor']}").json()
            seen += page["data"]
        self.assertEqual(
            [(line["amount"], line["balance_after"]) for line in seen], [("5", "15"), ("4", "10"), ("3", "6"), ("2", "3"), ("1", "1")]
        )
        self.assertEqual({(line["side"], line["kind"]) for line in seen}, {("C", "credit")})
        for hostile in ("%25%25", "AA", "a", "%E2%98%83"):
            self.assertProblem(self.api.read(f"{path}&cursor={hostile}"), 400, "invalid_cursor")

    def test_hostile_bodies_are_refused_and_never_break_anything(self):
        bodies: list[dict[str, Any]] = [{"external_id": told} for told in ("a\0b", "\ud800", "x" * 201, "", 5)]
        bodies += [{"counterparty": told} for told in ("bank", 5, "bank:main:JPY\n", "bank:" + "x" * 200)]
        for body in bodies:
            with self.subTest(str(body)[:40]):
                self.assertIn(self.move("credit", self.account, "5", **body).status_code, (400, 422))
        self.assertIn(self.move("credit", self.account, "9" * 5000).status_code, (400, 422))
        self.assertEqual(self.move("credit", self.account, "5", external_id="ünïcode ☃ 😀").status_code, 201)


HOLDS = "/api/v1/ledger/holds"


class Holding(LedgerTestCase):
    def setUp(self):
        super().setUp()
        self.account = self.opened(code="customer:C42:JPY")
        self.move("credit", self.account, "5000")

    def hold(self, amount: Any = "700", key: str = "", **more: Any) -> Any:
        body = {"debit_account": "customer:C42:JPY", "credit_account": "unearned:JPY", "amount": amount, "currency": "JPY"}
        body |= {"purpose": "order_payment", "external_id": str(uuid4())} | more
        return self.api.send(HOLDS, {name: value for name, value in body.items() if value is not ...}, key=key)

    def test_money_is_held_and_the_balance_says_so(self):
        answer = self.hold(ttl_seconds=604800, external_id="pay-1")
        told = answer.json()
        self.assertEqual((answer.status_code, answer.headers["ETag"], told["hold"]["state"]), (201, '"1"', "pending"))
        funds = {"posted": "5000", "pending_out": "700", "pending_in": "0", "credit_limit": "0", "available": "4300"}
        self.assertEqual(told["balances"], {"customer:C42:JPY": funds})
        read = self.api.read(answer.headers["Location"])
        self.assertEqual((read.json(), read.headers["ETag"]), (told["hold"], '"1"'))
        wanted = {"debit_account": "customer:C42:JPY", "debit_account_id": self.account, "amount": "700", "posted_amount": "0"}
        self.assertLessEqual(wanted.items(), read.json().items())
        deliver_everything()
        for consistency in ("strong", "eventual"):
            balance = self.api.read(f"{ACCOUNTS}/{self.account}/balance?consistency={consistency}").json()
            self.assertLessEqual(funds.items(), balance.items())
        unearned = Account.objects.get(code="unearned:JPY").pk
        balance = self.api.read(f"{ACCOUNTS}/{unearned}/balance").json()
        self.assertEqual((balance["posted"], balance["pending_in"]), ("0", "700"))

    def test_the_statement_shows_what_is_pending_until_it_ends(self):
        first, second = (self.hold(amount).json()["hold"]["id"] for amount in ("700", "300"))
        deliver_everything()
        page = self.api.read(f"{ACCOUNTS}/{self.account}/entries").json()
        self.assertEqual([hold["amount"] for hold in page["pending"]], ["300", "700"])
        listed = self.api.read(f"{ACCOUNTS}/{self.account}/holds?limit=1").json()
        self.assertEqual((listed["data"][0]["id"], listed["has_more"]), (second, True))
        self.api.send(f"{HOLDS}/{first}/post", {"amount": "400"})
        self.api.send(f"{HOLDS}/{second}/void", {"reason": "late"})
        deliver_everything()
        page = self.api.read(f"{ACCOUNTS}/{self.account}/entries").json()
        self.assertEqual((page["pending"], [line["amount"] for line in page["data"]]), ([], ["400", "5000"]))
        self.assertEqual(self.api.read(f"{ACCOUNTS}/{self.account}/holds").json()["data"], [])

    def test_a_part_is_posted_once(self):
        """Scenario A07."""
        address = self.hold().headers["Location"]
        answer = self.api.send(f"{address}/post", {"amount": "400"})
        told = answer.json()
        self.assertEqual((answer.status_code, answer.headers["ETag"]), (200, '"2"'))
        wanted = {"state": "posted", "posted_amount": "400", "released_amount": "300"}
        self.assertLessEqual(wanted.items(), told["hold"].items())
        self.assertEqual(told["balances"]["customer:C42:JPY"]["available"], "4600")
        transaction = self.api.read(f"/api/v1/ledger/transactions/{told['hold']['transaction_id']}").json()
        self.assertEqual((transaction["hold_id"], transaction["kind"]), (told["hold"]["id"], "transfer"))
        again = self.api.send(f"{address}/post", {"amount": "400"})
        self.assertEqual((again.status_code, again.json()["hold"]), (200, told["hold"]))
        for path, body in (("post", {"amount": "300"}), ("post", {}), ("void", {"reason": "late"})):
            facts = {"transaction_id": told["hold"]["transaction_id"]}
            self.assertProblem(self.api.send(f"{address}/{path}", body), 409, "hold_already_posted", **facts)

    def test_refusals_have_codes_of_their_own(self):
        facts = {"available": "5000", "requested": "5001", "currency": "JPY"}
        self.assertProblem(self.hold("5001"), 422, "insufficient_funds", **facts)
        self.assertProblem(self.hold("0"), 422, "amount_not_positive")
        self.assertProblem(self.hold(debit_account="customer:C9:JPY"), 404, "account_not_found")
        self.assertProblem(self.hold(credit_account=self.account), 422, "same_account")
        self.assertProblem(self.hold(credit_account="unearned:EUR"), 422, "currency_mismatch")
        nobody = f"{HOLDS}/{uuid4()}"
        self.assertProblem(self.api.read(nobody), 404, "hold_not_found")
        self.assertProblem(self.api.send(f"{nobody}/post", {}), 404, "hold_not_found")
        address = self.hold().headers["Location"]
        self.assertProblem(self.api.send(f"{address}/post", {"amount": "701"}), 422, "exceeds_hold", held="700")
        self.assertProblem(self.api.send(f"{address}/post", {"amount": "1.5"}), 422, "amount_not_integer")
        for status in (200, 200):
            self.assertEqual(self.api.send(f"{address}/void", {"reason": "late"}).status_code, status)
        self.assertProblem(self.api.send(f"{address}/post", {}), 409, "hold_already_voided")

    def test_an_external_id_is_used_once_for_ever(self):
        first, again = self.hold(external_id="E"), self.hold(external_id="E")
        self.assertEqual((first.status_code, again.status_code, again.json()["hold"]), (201, 200, first.json()["hold"]))
        self.assertProblem(self.hold("701", external_id="E"), 409, "external_id_conflict", field="amount")
        self.assertProblem(self.hold(external_id="E", ttl_seconds=5), 409, "external_id_conflict", field="ttl_seconds")

    def test_every_mistake_is_listed(self):
        answer = self.hold(..., debit_account="nobody", purpose="Order!", ttl_seconds=0)
        self.assertProblem(answer, 422, "validation_error")
        pointers = {mistake["pointer"] for mistake in answer.json()["errors"]}
        self.assertEqual(pointers, {"#/amount", "#/debit_account", "#/purpose", "#/ttl_seconds"})

    def test_nobody_without_the_scope(self):
        address = self.hold().headers["Location"]
        self.api = ApiClient(make_key(scopes=("ledger:read",)))
        for path in (HOLDS, f"{address}/post", f"{address}/void"):
            self.assertProblem(self.api.send(path, {}), 403, "scope_missing", required_scope="ledger:write")
        self.assertEqual(self.api.read(address).status_code, 200)


class Reversing(LedgerTestCase):
    def setUp(self):
        super().setUp()
        self.account = self.opened(code="customer:C42:JPY")
        self.address = self.move("credit", self.account, "5000").headers["Location"]

    def reverse(self, address: str = "", **more: Any) -> Any:
        body = {"reason_code": "operator_error", "reason": "typed twice"} | more
        return self.api.send(f"{address or self.address}/reverse", body)

    def test_a_part_is_taken_back_and_the_rest_is_told(self):
        answer = self.reverse(amount="1000")
        told = answer.json()
        self.assertEqual((answer.status_code, told["remaining"]), (201, {"JPY": "4000"}))
        wanted = {"kind": "reversal", "reverses_id": self.address.rpartition("/")[2], "description": "typed twice"}
        self.assertLessEqual(wanted.items(), told["transaction"].items())
        self.assertEqual(told["balances"]["customer:C42:JPY"]["posted"], "4000")
        self.assertEqual(self.api.read(answer.headers["Location"]).json(), told["transaction"])
        self.assertProblem(self.reverse(amount="4001"), 409, "reversal_exceeds", remaining="4000")
        self.assertEqual(self.reverse().json()["remaining"], {"JPY": "0"})
        self.assertProblem(self.reverse(), 409, "already_reversed")
        self.assertProblem(self.reverse(answer.headers["Location"]), 409, "reversal_of_reversal")

    def test_an_external_id_is_used_once_for_ever(self):
        first, again = (self.reverse(amount="5", external_id="E") for _ in range(2))
        self.assertEqual((first.status_code, again.status_code, again.json()), (201, 200, first.json()))
        self.assertProblem(self.reverse(amount="6", external_id="E"), 409, "external_id_conflict", field="amount")

    def test_refusals_have_codes_of_their_own(self):
        self.assertProblem(self.reverse(f"/api/v1/ledger/transactions/{uuid4()}"), 404, "transaction_not_found")
        self.assertProblem(self.reverse(amount="-5"), 422, "amount_not_positive")
        self.assertProblem(self.reverse(reason_code="whim"), 422, "validation_error")
        self.move("withdraw", self.account, "1")
        self.assertProblem(self.reverse(), 422, "insufficient_funds", available="4999")
