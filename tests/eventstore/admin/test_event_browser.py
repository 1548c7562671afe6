"""The event browser: newest first by pages, narrowed down by indexes, never counted."""

from datetime import timedelta
from unittest import mock
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from eventstore.admin import events
from eventstore.clock import now
from eventstore.context import acting
from eventstore.log import NEW, append, unit_of_work
from eventstore.models import Event
from tests import staff
from tests.eventstore.examples import Noted, Raised, counters

URL = reverse("admin:eventstore_event_changelist")
KEY = UUID(int=7)


class Browser(TestCase):
    ada: User

    @classmethod
    def setUpTestData(cls):
        cls.ada = staff.ada()
        with acting(actor="key:shop", correlation="story-1"), unit_of_work():
            append("counter-1", [Raised(by=n) for n in range(1, 121)], expected=NEW)
        with acting(actor="key:pos"), unit_of_work():
            append(counters.stream(KEY), [Noted(text="tea 顧客"), Noted(text="<b>cup</b>")], expected=NEW)

    def setUp(self):
        self.client.force_login(self.ada)

    def get(self, query="", status=200):
        answer = self.client.get(URL + query)
        self.assertEqual(answer.status_code, status, query)
        return answer

    def shown(self, query=""):
        return [f"{event.stream}@{event.version}" for event in self.get(query).context["cl"].result_list]

    def link(self, query, direction):
        return getattr(self.get(query).context["cl"], f"{direction}_link")

    def test_the_newest_come_first_and_pages_follow_by_key(self):
        pages, query = [self.shown()], self.link("", "older")
        while query:
            pages.append(self.shown(query))
            query = self.link(query, "older")
        self.assertEqual([len(page) for page in pages], [50, 50, 22])
        everything = [f"{event.stream}@{event.version}" for event in Event.objects.order_by("-pk")]
        self.assertEqual([row for page in pages for row in page], everything)
        self.assertEqual(everything[0], f"counter-{KEY}@2")

    def test_the_way_back_shows_the_same_pages(self):
        second = self.link("", "older")
        third = self.link(second, "older")
        self.assertEqual(self.shown(self.link(third, "newer")), self.shown(second))
        self.assertEqual(self.shown(self.link(second, "newer")), self.shown())
        self.assertEqual(self.link(second, "newest"), "?")

    def test_new_events_do_not_shift_the_page_that_somebody_reads(self):
        second = self.link("", "older")
        before = self.shown(second)
        with unit_of_work():
            append("counter-2", [Raised()], expected=NEW)
        self.assertEqual(self.shown(second), before)

    def test_the_total_is_known_without_counting(self):
        with CaptureQueriesContext(connection) as queries:
            answer = self.get()
        self.assertContains(answer, "122 recorded")
        self.assertFalse([q for q in queries.captured_queries if "COUNT(" in q["sql"].upper() and "eventstore_event" in q["sql"]])
        self.assertFalse([q for q in queries.captured_queries if "OFFSET" in q["sql"]])

    def test_a_row_says_where_when_what_and_who(self):
        answer = self.get()
        event = answer.context["cl"].result_list[0]
        for text in (f"{event.partition}-{event.position}", "test.noted", "@2", "key:pos", f"{event.recorded_at:%Y-%m-%d %H:%M:%S}"):
            self.assertContains(answer, text)

    def test_it_is_narrowed_down_by_name_and_by_app(self):
        self.assertEqual(len(self.shown("?name=test.noted")), 2)
        self.assertEqual(self.shown("?name=test"), self.shown())
        self.assertEqual(self.shown("?name=orders"), [])
        self.assertEqual(self.shown("?name=nobody.knows"), [])
        self.assertEqual(
            self.shown("?name=test&older=" + str(Event.objects.get(stream="counter-1", version=3).pk)), ["counter-1@2", "counter-1@1"]
        )

    def test_it_is_narrowed_down_by_time(self):
        self.assertEqual(len(self.shown("?within=15m")), 50)
        self.assertEqual(self.shown(f"?until={now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"), [])
        self.assertEqual(self.shown(f"?until={now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"), self.shown())

    def test_a_search_is_for_a_stream_an_id_or_a_correlation(self):
        event = Event.objects.get(stream="counter-1", version=5)
        self.assertEqual(self.shown(f"?q={event.pk}"), ["counter-1@5"])
        self.assertEqual(len(self.shown("?q=story-1")), 50)
        self.assertEqual(self.shown(f"?q=counter-{KEY}"), [f"counter-{KEY}@2", f"counter-{KEY}@1"])
        self.assertEqual(self.shown(f"?q={KEY}"), [f"counter-{KEY}@2", f"counter-{KEY}@1"], "the id in a stream's name finds the stream")
        of_its_own = Event.objects.get(stream=f"counter-{KEY}", version=1).facts["correlation"]
        self.assertEqual(self.shown(f"?q={of_its_own}"), [f"counter-{KEY}@2", f"counter-{KEY}@1"])
        self.assertEqual(self.shown("?q=counter"), [], "nothing is found by half of its name")

    def test_a_payload_filter_narrows_down_and_pages_on(self):
        self.assertEqual(self.shown("?where=data.by >= 119"), ["counter-1@120", "counter-1@119"])
        self.assertEqual(self.shown("?where=data.text ~ 顧客&name=test.noted"), [f"counter-{KEY}@1"])
        first = "?where=data.by > 20"
        self.assertEqual(len(self.shown(first) + self.shown(self.link(first, "older"))), 100)

    def test_a_payload_filter_looks_at_so_many_events_and_says_how_far_it_came(self):
        with mock.patch.object(events, "SCAN", 30):
            answer = self.get("?where=data.by = 60")
            self.assertContains(answer, "Looked at 30 events, back to")
            query, steps = answer.context["cl"].older_link, 1
            while query and not self.shown(query):
                query, steps = self.link(query, "older"), steps + 1
            self.assertEqual(self.shown(query), ["counter-1@60"])
            self.assertEqual(steps, 2)

    def test_a_bad_payload_filter_is_answered_in_words(self):
        answer = self.get("?where=total > 5")
        self.assertContains(answer, "its path must begin with data or facts")
        self.assertContains(answer, 'value="total &gt; 5"')
        self.assertEqual(answer.context["cl"].result_list, [])

    def test_hostile_addresses_get_an_answer(self):
        for query in (
            "?older=x",
            "?newer=00",
            "?older=" + "9" * 400,
            "?until=yesterday",
            "?until=2026-99-99T00:00",
            "?until=9999-12-31T23:59:59.999999%2B00:00",
            "?until=0001-01-01T00:00",
            "?q=%00",
            "?q=" + "x" * 5000,
            "?where=data.a = %00",
            "?within=%00",
            "?name=%00",
            "?o=1.2.3&p=9999",
            "?unknown=1",
            "?data__by=7",
            "?where=data.lines[].a = 1e99",
        ):
            with self.subTest(query[:40]):
                answer = self.client.get(URL + query, follow=True)
                self.assertEqual(answer.status_code, 200)

    def test_nothing_found_says_so_and_leads_back(self):
        self.assertContains(self.get("?q=nobody"), "No event matches all of this")
        self.assertContains(self.get("?q=nobody"), 'href="?"')


class EmptyLog(TestCase):
    def test_an_empty_log_says_how_to_fill_it(self):
        self.client.force_login(staff.ada())
        self.assertContains(self.client.get(URL), "manage.py seed")


class Plans(TestCase):
    """What PostgreSQL does for a page of a long log: walk an index, never the table."""

    ada: User

    @classmethod
    def setUpTestData(cls):
        cls.ada = staff.ada()
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO eventstore_event
                   (id, partition, position, stream, version, name, schema_version, data, facts, occurred_at, recorded_at)
                   SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - (20000 - i) * 100), 12, '0') || '7000' ||
                           lpad(to_hex(i), 16, '8'))::uuid, i %% 16, i / 16 + 1, 'counter-' || i / 3, i %% 3 + 1,
                          CASE WHEN i %% 9000 = 7 THEN 'test.noted' ELSE 'test.raised' END, 1,
                          jsonb_build_object('by', i %% 500), jsonb_build_object('correlation', 'story-' || i / 4), now(), now()
                   FROM generate_series(0, 19999) i""",
                [],
            )
            cursor.execute("ANALYZE eventstore_event")

    def test_every_question_to_the_log_walks_an_index(self):
        self.client.force_login(self.ada)
        middle = Event.objects.order_by("pk")[10_000].pk
        questions = ["", f"?older={middle}", f"?newer={middle}", "?name=test.noted", "?name=test.raised", "?name=test", "?within=15m"]
        questions += ["?q=counter-77", f"?q={middle}", "?q=story-99", "?q=nobody", "?where=data.by = 499", "?where=data.by = 7&name=test"]
        for question in questions:
            with self.subTest(question), CaptureQueriesContext(connection) as queries:
                self.assertEqual(self.client.get(URL + question).status_code, 200)
            asked = [query["sql"] for query in queries.captured_queries if 'FROM "eventstore_event"' in query["sql"]]
            self.assertTrue(asked)
            for sql in asked:
                with connection.cursor() as cursor:
                    cursor.execute("EXPLAIN " + sql)
                    plan = "\n".join(line for (line,) in cursor.fetchall())
                self.assertNotIn("Seq Scan", plan, f"{question}\n{sql}\n{plan}")
