"""Lists of any length: pages by key in both directions, and totals that nobody counts."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection
from django.test import TestCase
from django.urls import reverse

from eventstore.clock import new_id, now
from eventstore.console.lists import estimate, first_id_at
from eventstore.models import ParkedKey
from tests import staff

LIST = reverse("admin:eventstore_parkedkey_changelist")


class Lists(TestCase):
    @classmethod
    def setUpTestData(cls):
        staff.cleo()
        rows = (
            ParkedKey(consumer="test.c", partition=0, key=f"counter-{n}", position=n, state="dead", parked_at=now()) for n in range(1, 121)
        )
        ParkedKey.objects.bulk_create(rows)

    def setUp(self):
        self.client.login(username="cleo", password="x")

    def list(self, query=""):
        return self.client.get(LIST + query).context["cl"]

    def positions(self, query=""):
        return [row.position for row in self.list(query).result_list]

    def test_pages_follow_by_key_and_miss_nothing(self):
        query, pages = "?", []
        while query:
            pages.append(self.positions(query))
            query = self.list(query).older_link
        self.assertEqual([len(page) for page in pages], [50, 50, 20])
        self.assertEqual([position for page in pages for position in page], list(range(120, 0, -1)))

    def test_the_way_back_shows_the_same_pages(self):
        second = self.list().older_link
        third = self.list(second).older_link
        self.assertEqual(self.positions(self.list(third).newer_link), self.positions(second))
        self.assertEqual(self.positions(self.list(second).newer_link), self.positions())
        self.assertEqual((self.list().newer_link, self.list(third).older_link), ("", ""))

    def test_filters_stay_while_one_turns_pages_and_pages_end_when_one_filters(self):
        filtered = self.list("?state=dead&q=counter-7")
        self.assertEqual([row.position for row in filtered.result_list], [7])
        paged = self.list("?state=dead").older_link
        self.assertIn("state=dead", paged)
        state = self.list(paged).filter_specs[0]
        links = [choice["query_string"] for choice in state.choices(self.list(paged))]
        self.assertFalse([link for link in links if "older" in link])

    def test_a_total_is_an_estimate_and_unknown_until_somebody_looked(self):
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE eventstore_parkedkey")
        self.assertEqual(estimate(ParkedKey), 120)
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE eventstore_parkedkey CASCADE")
        self.assertIsNone(estimate(ParkedKey))

    def test_an_id_made_after_a_moment_sorts_after_its_first_id(self):
        before = now()
        made = new_id()
        self.assertLessEqual(first_id_at(before), made)
        self.assertGreater(first_id_at(datetime(2100, 1, 1, tzinfo=UTC)), made)
        self.assertEqual(first_id_at(datetime(1, 1, 1, tzinfo=UTC)), UUID(int=0))
