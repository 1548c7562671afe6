"""The same request twice: one effect, one answer. Every row of the table in domain.md 4.8, and the races."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase, override_settings

from eventstore.api.bodies import parse
from eventstore.api.idempotency_keys import Ticket, keep
from eventstore.clock import now
from eventstore.errors import StreamMoved
from eventstore.log import read_stream
from eventstore.models import IdempotencyKey
from eventstore.tasks import prune
from tests.clients import ApiCase, ApiClient, make_key
from tests.eventstore.api.counting import Counting
from tests.eventstore.api.test_preconditions import request_to

PATH = "/api/test/counters/a"


@override_settings(ROOT_URLCONF="tests.eventstore.api.counting")
class Repeating(ApiCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(Counting.reset)

    def send(self, body: Any, key: str | None = "K", path: str = PATH, **headers: str) -> Any:
        return self.api.send(path, body, key=key, **headers)

    def assertEvents(self, count: int) -> None:
        self.assertEqual(len(read_stream("counter-a")), count)

    def test_without_a_key_nothing_is_changed(self):
        self.assertProblem(self.send({}, key=None), 400, "idempotency_key_missing")
        self.assertEvents(0)

    def test_the_same_request_gets_the_same_answer_and_has_one_effect(self):
        first, again = self.send({"by": 3}), self.send({"by": 3})
        self.assertEqual((first.status_code, again.status_code), (201, 201))
        self.assertEqual(first.content, again.content)
        for header in ("Location", "ETag", "Event-Position", "Content-Type"):
            self.assertEqual(first[header], again[header])
        self.assertEqual((first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]), (None, "true"))
        self.assertEvents(1)

    def test_the_same_content_in_other_order_and_spacing_is_the_same_request(self):
        self.send('{"by": 3, "note": "caf\\u00e9"}')
        self.assertEqual(self.send('{ "note":"café",\n"by":3 }')["Idempotency-Replayed"], "true")
        self.assertEvents(1)

    def test_another_body_under_the_same_key_is_a_mistake(self):
        self.send({"by": 3})
        self.assertProblem(self.send({"by": 4}), 422, "idempotency_key_reused")
        self.assertEvents(1)

    def test_a_key_is_bare_or_quoted_and_means_the_same(self):
        self.send({}, key="8e03978e-40d5")
        self.assertEqual(self.send({}, key='"8e03978e-40d5"')["Idempotency-Replayed"], "true")
        self.send({}, key="x" * 255)
        self.assertEvents(2)

    def test_a_malformed_key_is_refused(self):
        for key in ("x" * 256, '"', '""', '"a', 'a"b', "é", "a\tb", " "):
            with self.subTest(key):
                self.assertProblem(self.send({}, key=key), 400, "idempotency_key_invalid")
        self.assertEvents(0)

    def test_a_key_belongs_to_its_caller_and_its_address(self):
        self.send({})
        self.assertNotIn("Idempotency-Replayed", self.send({}, path="/api/test/counters/b"))
        other = ApiClient(make_key(name="thief"))
        self.assertNotIn("Idempotency-Replayed", other.send(PATH, {}, key="K"))
        renewed = ApiClient(make_key(name="shop"))
        again = renewed.send(PATH, {}, key="K")
        self.assertEqual(again["Idempotency-Replayed"], "true", "a second key of the same client is the same client")

    def test_a_refusal_stays_a_refusal(self):
        Counting.ceiling = 5
        refused = self.send({"by": 6})
        self.assertProblem(refused, 422, "too_high")
        self.assertEvents(0)
        Counting.ceiling = 10
        again = self.send({"by": 6})
        self.assertEqual((again.status_code, again.content, again["Content-Type"]), (422, refused.content, refused["Content-Type"]))
        self.assertEqual(again["Idempotency-Replayed"], "true")
        self.assertEvents(0)
        self.assertEqual(self.send({"by": 6}, key="new intention").status_code, 201)

    def test_what_was_never_begun_may_be_sent_again_under_its_key(self):
        self.assertProblem(self.send("{"), 400, "malformed_json")
        self.assertProblem(self.send({"by": 0}), 422, "validation_error")
        self.assertProblem(self.send({}, content_type="text/plain"), 415, "unsupported_media_type")
        self.assertProblem(self.send({}, authorization="Bearer x"), 401, "key_invalid")
        self.assertProblem(ApiClient(make_key(scopes=())).send(PATH, {}, key="K"), 403, "scope_missing")
        self.assertEqual(IdempotencyKey.objects.count(), 0)
        self.assertEqual(self.send({}).status_code, 201)

    def test_what_broke_or_lost_a_race_may_be_sent_again_under_its_key(self):
        self.api.raise_request_exception = False
        for error, status in ((StreamMoved(stream="counter-a", expected=1), 409), (ZeroDivisionError(), 500)):

            def fail(error: Exception = error) -> None:
                raise error

            Counting.during = fail
            with self.subTest(repr(error)):
                self.assertEqual(self.send({}).status_code, status)
                self.assertEqual(IdempotencyKey.objects.count(), 0)
        Counting.during = None
        self.assertEqual(self.send({}).status_code, 201)
        self.assertEvents(1)

    def test_answers_are_kept_a_week_and_then_forgotten_in_batches(self):
        self.send({}, key="old")
        self.send({}, key="young")
        kept = IdempotencyKey.objects.get(key="young")
        self.assertGreater(kept.expires_at, now() + timedelta(days=7) - timedelta(minutes=1))
        prune()
        self.assertEqual(IdempotencyKey.objects.count(), 2)
        IdempotencyKey.objects.filter(key="old").update(expires_at=now() - timedelta(seconds=1))
        prune()
        self.assertEqual([row.key for row in IdempotencyKey.objects.all()], ["young"])
        for number in range(3):
            self.send({}, key=f"gone {number}")
        IdempotencyKey.objects.update(expires_at=now() - timedelta(seconds=1))
        self.assertEqual([IdempotencyKey.objects.prune(batch=3) for _ in range(3)], [3, 1, 0])

    def test_the_key_is_a_fact_of_the_event(self):
        self.send({}, key="K")
        self.assertEqual(read_stream("counter-a")[0].facts["idempotency_key"], "K")


@override_settings(ROOT_URLCONF="tests.eventstore.api.counting")
class Racing(TransactionTestCase):
    """Real threads, real transactions."""

    def setUp(self):
        self.addCleanup(Counting.reset)
        self.key = make_key()

    def send(self, body: Any, key: str = "K", path: str = PATH) -> Any:
        try:
            return ApiClient(self.key).send(path, body, key=key)
        finally:
            connection.close()

    def at_once(self, *calls: Callable[[], Any]) -> list[Any]:
        start = threading.Barrier(len(calls))

        def run(call: Callable[[], Any]) -> Any:
            start.wait(20)
            return call()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))

    def test_six_at_once_have_one_effect_and_later_ones_its_answer(self):
        for turn in range(5):
            answers = self.at_once(*[lambda turn=turn: self.send({"by": 2}, key=f"K{turn}")] * 6)
            done = [answer for answer in answers if answer.status_code == 201]
            waiting = [answer for answer in answers if answer.status_code == 409]
            self.assertEqual(len(done) + len(waiting), 6, [answer.content for answer in answers])
            self.assertEqual(len([answer for answer in done if "Idempotency-Replayed" not in answer]), 1)
            for answer in waiting:
                self.assertEqual((answer.json()["code"], answer["Retry-After"]), ("idempotency_in_progress", "1"))
            again = self.send({"by": 2}, key=f"K{turn}")
            self.assertEqual((again.status_code, again["Idempotency-Replayed"]), (201, "true"))
            self.assertEqual({answer.content for answer in (*done, again)}, {again.content})
            self.assertEqual(len(read_stream("counter-a")), turn + 1)

    def test_while_one_is_carried_out_another_is_told_to_wait_and_does_not(self):
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            entered.set()
            self.assertTrue(leave.wait(20))

        Counting.during = hold
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(self.send, {"by": 2})
            self.assertTrue(entered.wait(20))
            Counting.during = None
            begun = time.monotonic()
            told = self.send({"by": 2})
            self.assertEqual((told.status_code, told.json()["code"]), (409, "idempotency_in_progress"))
            self.assertLess(time.monotonic() - begun, 4)
            self.assertEqual(self.send({}, path="/api/test/counters/b").status_code, 201, "others do not wait")
            leave.set()
            self.assertEqual(slow.result().status_code, 201)
        self.assertEqual(self.send({"by": 2})["Idempotency-Replayed"], "true")
        self.assertEqual(Counting.carried_out, 2)

    def test_who_does_not_get_a_lock_in_time_is_told_to_come_back_and_succeeds_with_the_same_key(self):
        held, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM eventstore_partition FOR UPDATE")
                held.set()
                leave.wait(20)
            connection.close()

        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(hold)
            self.assertTrue(held.wait(20))
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
            told = ApiClient(self.key).send(PATH, {"by": 2}, key="K")
            self.assertEqual((told.status_code, told.json()["code"], told["Retry-After"]), (503, "busy", "1"))
            self.assertEqual(IdempotencyKey.objects.count(), 0)
            leave.set()
            other.result()
        again = self.send({"by": 2})
        self.assertEqual((again.status_code, again.get("Idempotency-Replayed")), (201, None))
        self.assertEqual(len(read_stream("counter-a")), 1)

    def test_who_finishes_between_our_look_and_our_answer_wins(self):
        """The look's snapshot may be older than its lock: then the primary key decides, and our work is undone."""

        def overtake() -> None:
            Counting.during = None
            # As if its COMMIT had come between our snapshot and our lock.
            thread = threading.Thread(target=self.finish_elsewhere)
            thread.start()
            thread.join(20)

        Counting.during = overtake
        ours = self.send({"by": 2})
        self.assertEqual((ours.status_code, ours["Idempotency-Replayed"], ours.content), (201, "true", b'{"version":41}'))
        self.assertEqual(len(read_stream("counter-a")), 0, "what we had done is undone")
        self.assertEqual(IdempotencyKey.objects.count(), 1)

    def finish_elsewhere(self) -> None:
        canonical = parse(json.dumps({"by": 2}).encode()).canonical
        keep(Ticket.of("K", "key:shop", request_to("POST", PATH), canonical), 201, {}, b'{"version":41}')
        connection.close()

    def test_a_refusal_that_comes_second_answers_what_came_first(self):
        def overtake() -> None:
            Counting.during = None
            thread = threading.Thread(target=self.finish_elsewhere)
            thread.start()
            thread.join(20)

        Counting.ceiling, Counting.during = 1, overtake
        self.assertEqual(self.send({"by": 2}).content, b'{"version":41}')
        self.assertEqual(IdempotencyKey.objects.get().status, 201)
