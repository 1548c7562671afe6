"""Who may come in, and what they are told when they may not."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext

from eventstore.clock import now
from eventstore.log import read_stream
from eventstore.models import ApiKey
from tests.clients import PROBLEM, ApiClient, make_key

PATH = "/api/test/counters/a"


@override_settings(ROOT_URLCONF="tests.eventstore.api.counting")
class Coming(TestCase):
    def answer(self, key: str | None, method: str = "GET", **headers: str) -> Any:
        return ApiClient(key).call(method, PATH, {} if method == "POST" else None, **headers)

    def assertUnknown(self, answer: Any, code: str = "key_invalid") -> None:
        self.assertEqual((answer.status_code, answer["Content-Type"], answer.json()["code"]), (401, PROBLEM, code))
        self.assertIn('Bearer realm="daybook"', answer["WWW-Authenticate"])

    def test_a_key_opens_both_ways_of_writing_it(self):
        key = make_key()
        for told in (f"Bearer {key}", f"bearer  {key}", f"Api-Key {key}"):
            with self.subTest(told.partition(" ")[0]):
                self.assertEqual(self.answer(None, authorization=told).status_code, 200)

    def test_without_a_key_nobody_comes_in(self):
        self.assertUnknown(self.answer(None), "not_authenticated")
        self.assertUnknown(self.answer(None, "POST"), "not_authenticated")
        self.assertUnknown(self.answer(None, authorization="Basic YTpi"), "not_authenticated")

    def test_a_key_that_is_not_ours_is_refused(self):
        key = make_key()
        prefix = key.partition(".")[0]
        for wrong in ("", "x", prefix, f"{prefix}.", f"{prefix}.wrong", f"{key}x", f"x{key}", "é.é", "a.b\x00", f"{prefix}.{'y' * 10_000}"):
            with self.subTest(wrong[:20]):
                self.assertUnknown(self.answer(None, authorization=f"Bearer {wrong}"))

    def test_a_revoked_key_is_refused_at_once(self):
        key = make_key()
        self.assertEqual(self.answer(key).status_code, 200)
        ApiKey.objects.update(revoked=True)
        self.assertUnknown(self.answer(key))

    def test_an_expired_key_is_refused(self):
        self.assertEqual(self.answer(make_key(expiry_date=now() + timedelta(minutes=1))).status_code, 200)
        self.assertUnknown(self.answer(make_key(expiry_date=now() - timedelta(seconds=1))))

    def test_a_missing_scope_is_named(self):
        answer = self.answer(make_key(scopes=("ops:read", "orders:write")), "POST")
        self.assertEqual((answer.status_code, answer.json()["code"]), (403, "scope_missing"))
        self.assertEqual(answer.json()["required_scope"], "ops:write")
        self.assertIn('scope="ops:write"', answer["WWW-Authenticate"])
        self.assertEqual(read_stream("counter-a"), [])

    def test_the_scope_that_is_asked_for_is_enough(self):
        key = make_key(scopes=("ops:read",))
        self.assertEqual(self.answer(key).status_code, 200)
        self.assertEqual(self.answer(key, "HEAD").status_code, 200)
        self.assertEqual(self.answer(key, "POST").status_code, 403)

    def test_the_name_of_the_key_is_the_actor_of_the_events(self):
        self.assertEqual(self.answer(make_key(name="till 3"), "POST").status_code, 201)
        self.assertEqual(read_stream("counter-a")[0].actor, "key:till 3")

    def test_a_key_costs_one_query(self):
        key = make_key()
        self.answer(key)
        with CaptureQueriesContext(connection) as asked:
            self.answer(key)
        # The key itself is asked for with a prepared statement that Django does not see; what it would see is a second one.
        self.assertFalse([query for query in asked if "apikey" in query["sql"]])

    def test_last_used_is_written_now_and_then(self):
        key = make_key()
        self.answer(key)
        first = ApiKey.objects.get().last_used_at
        self.assertIsNotNone(first)
        self.answer(key)
        self.assertEqual(ApiKey.objects.get().last_used_at, first)
        ApiKey.objects.update(last_used_at=now() - timedelta(hours=1))
        self.answer(key)
        self.assertNotEqual(ApiKey.objects.get().last_used_at, first)


@override_settings(ROOT_URLCONF="tests.eventstore.api.counting")
class Staff(TestCase):
    def client_of(self, **options: Any) -> ApiClient:
        client = ApiClient()
        client.force_login(User.objects.create_user("ada", **options))
        return client

    def test_staff_who_are_logged_in_may_look(self):
        client = self.client_of(is_staff=True)
        self.assertEqual(client.read(PATH).status_code, 200)
        self.assertEqual(client.read("/api/v1/orders").status_code, 200)

    def test_a_session_changes_nothing(self):
        answer = self.client_of(is_staff=True, is_superuser=True).send(PATH, {})
        self.assertEqual((answer.status_code, answer.json()["required_scope"]), (403, "ops:write"))

    def test_other_users_may_not_even_look(self):
        self.assertEqual(self.client_of().read(PATH).status_code, 401)
