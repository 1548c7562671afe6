"""Whatever goes wrong under /api/, the answer is one kind of document."""

import re
from typing import Any, NoReturn
from unittest.mock import patch

import psycopg
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.test import RequestFactory, override_settings
from psycopg_pool import PoolTimeout
from rest_framework import exceptions

from eventstore.api.middleware import RequestFacts
from eventstore.api.problems import CODES
from eventstore.errors import LogHole, Refused, StreamMoved
from eventstore.log import Position, read_stream
from eventstore.projections import Lagging
from tests.clients import PROBLEM, ApiCase, ApiClient
from tests.eventstore.api.counting import Counting

PATH = "/api/test/counters/a"


def because(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


#: What a view may raise: status and code of the answer.
RAISED: list[tuple[Exception, int, str]] = [
    (Refused("The counter is full.", code="counter_full"), 409, "counter_full"),
    (Refused("There is no counter.", code="no_counter", status=404), 404, "no_counter"),
    (StreamMoved(stream="counter-a", expected=1), 409, "stream_moved"),
    (Lagging(name="p", wanted=Position({1: 2}), seconds=1, at=Position({})), 503, "projection_behind"),
    (because(OperationalError(), psycopg.errors.LockNotAvailable()), 503, "busy"),
    (because(OperationalError(), psycopg.errors.DeadlockDetected()), 503, "busy"),
    (because(OperationalError(), psycopg.errors.SerializationFailure()), 503, "busy"),
    (because(OperationalError(), PoolTimeout()), 503, "busy"),
    (because(OperationalError(), psycopg.OperationalError("server closed the connection")), 503, "unavailable"),
    (because(IntegrityError(), psycopg.errors.CheckViolation("secret row")), 500, "internal_error"),
    (DataError("secret value"), 500, "internal_error"),
    (ZeroDivisionError("secret divisor"), 500, "internal_error"),
    (LogHole(partition=1, position=2, head=3), 500, "internal_error"),
    (UnreadablePostError("secret"), 400, "bad_request"),
    (Http404("secret"), 404, "not_found"),
    (PermissionDenied("secret"), 403, "forbidden"),
    (SuspiciousOperation("secret"), 400, "bad_request"),
    (exceptions.Throttled(), 429, "too_many_requests"),
]


@override_settings(ROOT_URLCONF="tests.eventstore.api.counting")
class Problems(ApiCase):
    def setUp(self):
        self.addCleanup(Counting.reset)
        self.api = ApiClient(self.key, raise_request_exception=False)

    def assertProblem(self, answer: Any, status: int, code: str) -> dict[str, Any]:
        told = super().assertProblem(answer, status, code)
        self.assertEqual(told["request_id"], answer["X-Request-Id"])
        self.assertTrue(told["title"] and told["detail"] and told["instance"].startswith("/"))
        return told

    def failing(self, error: Exception) -> Any:
        def fail() -> NoReturn:
            raise error

        return patch.object(Counting, "during", staticmethod(fail))

    def test_each_error_has_its_status_and_code_and_none_shows_our_insides(self):
        for error, status, code in RAISED:
            with self.subTest(repr(error)), self.failing(error), self.quietly(status):
                for answer in (self.api.read(PATH), self.api.send(PATH, {})):
                    self.assertProblem(answer, status, code)
                    self.assertNotIn(b"secret", answer.content)
                    self.assertEqual(answer.has_header("Retry-After"), status == 503)

    def quietly(self, status: int) -> Any:
        """What is our fault is also logged."""
        return self.assertLogs("eventstore.api", "WARNING") if status in (500,) else self.assertNoLogs("eventstore.api", "ERROR")

    def test_the_facts_of_a_refusal_are_members_and_hide_nothing(self):
        with self.failing(Refused("Too much.", code="too_much", status=422, available="7", title="mine")):
            told = self.assertProblem(self.api.send(PATH, {}), 422, "too_much")
        self.assertEqual((told["available"], told["title"], told["detail"]), ("7", "Too much", "Too much."))

    def test_a_lost_race_for_a_first_version_is_not_our_fault(self):
        violation = psycopg.errors.UniqueViolation()
        with (
            patch.object(psycopg.errors.UniqueViolation, "diag", type("Diagnosis", (), {"constraint_name": "orders_order_pkey"})),
            self.failing(because(IntegrityError(), violation)),
        ):
            self.assertProblem(self.api.send(PATH, {}), 409, "stream_moved")

    def test_an_address_that_does_not_exist(self):
        for path in ("/api/v1/nothing", "/api/", "/api/v1/orders/", "/api/v1/orders/7", "/api/v1/orders/%00", "/api/v2/orders"):
            with self.subTest(path):
                self.assertProblem(self.api.read(path), 404, "not_found")
        self.assertNotEqual(self.api.read("/elsewhere")["Content-Type"], PROBLEM)

    def test_a_method_that_does_not_exist_names_those_that_do(self):
        for method in ("PUT", "DELETE", "TRACE", "PURGE"):
            with self.subTest(method):
                answer = self.api.call(method, PATH)
                self.assertProblem(answer, 405, "method_not_allowed")
                self.assertEqual(answer["Allow"], "GET, POST, HEAD, OPTIONS")

    def test_options_tell_the_methods_to_everybody(self):
        answer = ApiClient().call("OPTIONS", PATH)
        self.assertEqual((answer.status_code, answer["Allow"], answer.content), (204, "GET, POST, HEAD, OPTIONS", b""))

    def test_head_is_get_without_its_body(self):
        for path, status in ((PATH, 200), ("/api/v1/nothing", 404), ("/livez", 200)):
            with self.subTest(path):
                head, got = self.api.call("HEAD", path), self.api.read(path)
                self.assertEqual((head.status_code, head.content), (status, b""))
                self.assertEqual((head["Content-Type"], head["Content-Length"]), (got["Content-Type"], str(len(got.content))))
        # Django's test client takes bodies away itself; servers leave that to us.
        bare = RequestFacts(lambda request: HttpResponse(b"three"))(RequestFactory().head("/"))
        self.assertEqual((bare.content, bare["Content-Length"]), (b"", "5"))

    def test_who_does_not_take_json_is_told_so_in_json(self):
        for accept in ("text/html", "application/xml", "image/*", "application/json;q=0"):
            with self.subTest(accept):
                self.assertProblem(self.api.read(PATH, accept=accept), 406, "not_acceptable")
        for accept in ("application/json", "*/*", "application/*", "text/html,*/*;q=0.8", "application/problem+json, application/json"):
            with self.subTest(accept):
                self.assertEqual(self.api.read(PATH, accept=accept).status_code, 200)

    def test_what_django_itself_refuses_is_a_problem_too(self):
        with self.assertLogs("django.security.DisallowedHost", "ERROR"):
            self.assertProblem(self.api.read(PATH, host="evil.example"), 400, "bad_request")

    def test_every_code_has_a_page_for_people_and_for_programs(self):
        for code, (status, meaning) in CODES.items():
            with self.subTest(code):
                self.assertTrue(re.fullmatch(r"[a-z_]+", code))
                told = self.client.get(f"/problems/{code}", headers={"accept": "application/json"}).json()
                self.assertEqual((told["status"], told["meaning"]), (status, meaning))
                self.assertIn(meaning, self.client.get(f"/problems/{code}", headers={"accept": "text/html,*/*"}).content.decode())
        self.assertEqual(self.client.get("/problems/insufficient_funds").status_code, 200)
        self.assertEqual(self.client.get("/problems/%3Cscript%3E").status_code, 404)


@override_settings(ROOT_URLCONF="tests.eventstore.api.counting")
class Ids(ApiCase):
    def facts(self, **headers: str) -> tuple[Any, dict[str, Any]]:
        answer = self.api.send(PATH, {}, **headers)
        return answer, read_stream("counter-a")[-1].facts

    def test_a_request_has_an_id_of_its_own_and_begins_a_story(self):
        answer, facts = self.facts()
        self.assertEqual(facts["request"], answer["X-Request-Id"])
        self.assertEqual(facts["correlation"], answer["X-Request-Id"])

    def test_ids_that_the_client_brings_are_kept(self):
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        answer, facts = self.facts(x_request_id="till-3:0815", x_correlation_id="story.7", traceparent=parent)
        self.assertEqual(answer["X-Request-Id"], "till-3:0815")
        self.assertEqual((facts["request"], facts["correlation"], facts["trace"]), ("till-3:0815", "story.7", parent))

    def test_ids_that_would_spoil_logs_are_as_good_as_absent(self):
        for bad in ("a b", "<x>", "x" * 129, "é", "-", ""):
            with self.subTest(bad):
                answer, facts = self.facts(x_request_id=bad, x_correlation_id=bad, traceparent=f"00-{'0' * 32}-{'1' * 16}-01")
                self.assertRegex(answer["X-Request-Id"], r"^[0-9a-f-]{36}$")
                self.assertEqual(facts["correlation"], answer["X-Request-Id"])
                self.assertNotIn("trace", facts)
