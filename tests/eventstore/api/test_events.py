"""The feed of events: nothing is missed, order is kept, and waiting ends when something happens."""

import threading
import time
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.test import TransactionTestCase

from eventstore.api import events
from eventstore.conf import conf
from eventstore.log import ANY, append, unit_of_work
from tests.clients import ApiCase, ApiClient, make_key
from tests.eventstore.examples import Noted, Raised


def happen(stream: str, *what: Any) -> None:
    with unit_of_work():
        append(stream, what, expected=ANY)


class Feed(ApiCase):
    scopes = ("events:read",)

    def read(self, **parameters: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
        answer = self.api.read(f"/api/v1/events?{query}")
        self.assertEqual(answer.status_code, 200, answer.content)
        return answer.json()

    def test_an_event_is_shown_as_it_was_recorded(self):
        happen("counter-1", Raised(by=3, note="十"))
        (told,) = self.read()["data"]
        self.assertEqual((told["name"], told["stream"], told["version"], told["schema_version"]), ("test.raised", "counter-1", 1, 1))
        self.assertEqual(told["data"], {"by": 3, "note": "十"})
        self.assertRegex(told["position"], r"^\d+-1$")
        self.assertTrue(told["occurred_at"].endswith("Z") and told["recorded_at"].endswith("Z"))
        self.assertIn("correlation", told["facts"])

    def test_a_reader_that_goes_on_from_its_cursor_sees_all_in_order(self):
        for number in range(30):
            happen(f"counter-{number % 7}", Raised(by=number + 1))
        seen, cursor, more = [], None, True
        while more:
            page = self.read(limit=4, cursor=cursor)
            seen += page["data"]
            cursor, more = page["next_cursor"], page["has_more"]
        self.assertEqual(sorted(event["data"]["by"] for event in seen), list(range(1, 31)))
        for number in range(7):
            versions = [event["version"] for event in seen if event["stream"] == f"counter-{number}"]
            self.assertEqual(versions, sorted(versions))
        self.assertEqual(self.read(cursor=cursor)["data"], [])
        happen("counter-3", Raised())
        self.assertEqual(len(self.read(cursor=cursor)["data"]), 1)

    def test_names_narrow_it_down_and_what_is_left_out_counts_as_seen(self):
        happen("counter-1", Raised(), Noted(text="a"), Raised())
        page = self.read(name="test.noted,test.other")
        self.assertEqual([event["name"] for event in page["data"]], ["test.noted"])
        self.assertEqual(self.read(cursor=page["next_cursor"])["data"], [])

    def test_a_reader_may_begin_now(self):
        happen("counter-1", Raised())
        page = self.read(start="now")
        self.assertEqual(page["data"], [])
        happen("counter-1", Raised())
        self.assertEqual([event["version"] for event in self.read(cursor=page["next_cursor"])["data"]], [2])

    def test_a_cursor_that_is_not_ours_is_refused(self):
        for cursor in ("x", "MQ", "%00"):
            answer = self.api.read(f"/api/v1/events?cursor={cursor}")
            self.assertEqual(answer.status_code, 400)

    def test_waiting_in_vain_ends_in_time(self):
        begun = time.monotonic()
        page = self.read(wait=1)
        self.assertEqual(page["data"], [])
        self.assertTrue(0.7 < time.monotonic() - begun < 15)
        self.assertTrue(page["next_cursor"])

    def test_who_finds_no_place_to_wait_is_answered_at_once(self):
        taken = [events._places.acquire(blocking=False) for _ in range(conf().LONG_POLLS)]
        try:
            self.assertTrue(all(taken))
            begun = time.monotonic()
            self.read(wait=20)
            self.assertLess(time.monotonic() - begun, 15)
        finally:
            for _ in taken:
                events._places.release()


class LongPoll(TransactionTestCase):
    def test_an_event_wakes_who_waits_for_it_and_no_connection_is_held_meanwhile(self):
        key, held = make_key(), []

        def happen_later() -> None:
            time.sleep(0.3)
            happen("counter-1", Noted(text="not this one"))
            time.sleep(0.2)
            happen("counter-1", Raised())
            connection.close()

        def sleep(seconds: float) -> None:
            held.append(connection.connection is not None)
            time.sleep(seconds)

        other = threading.Thread(target=happen_later)
        other.start()
        begun = time.monotonic()
        with patch.object(events, "sleep", sleep):
            answer = ApiClient(key).read("/api/v1/events?wait=20&name=test.raised")
        other.join()
        self.assertEqual([event["name"] for event in answer.json()["data"]], ["test.raised"])
        self.assertLess(time.monotonic() - begun, 15)
        self.assertEqual(set(held), {False})
