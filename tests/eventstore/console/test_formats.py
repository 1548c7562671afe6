"""Values as staff read them."""

from datetime import UTC, datetime, timedelta, timezone

import time_machine
from django.test import SimpleTestCase

from eventstore.console import formats

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = "01a203d3-0bdf-7669-a2f4-effd03334208"


class Formats(SimpleTestCase):
    def test_money_has_the_point_where_its_currency_puts_it(self):
        for amount, currency, told in (
            (123456, "GBP", "1,234.56 GBP"),
            (1200, "JPY", "1,200 JPY"),
            (1, "BHD", "0.001 BHD"),
            (12345678, "CLF", "1,234.5678 CLF"),
            (0, "EUR", "0.00 EUR"),
            (-5, "EUR", "−0.05 EUR"),
            ("10" * 15, "XAF", "101,010,101,010,101,010,101,010,101,010 XAF"),
            (None, "EUR", "0.00 EUR"),
        ):
            with self.subTest(told):
                self.assertEqual(formats.money(amount, currency), told)

    def test_a_fact_that_is_money_in_minor_units_is_told_as_money(self):
        told = [formats.told(fact) for fact in ("725000 USD", "36500 JPY", "1,234.56 GBP", "7 days", "C42")]
        self.assertEqual(told, ["7,250.00 USD", "36,500 JPY", "1,234.56 GBP", "7 days", "C42"])

    def test_ids_in_a_sentence_lead_to_what_they_name(self):
        told = formats.linked(f"<b>order-{ID}</b> waits")
        self.assertIn(f'&lt;b&gt;order-<a href="/admin/jump/?q={ID}">{ID}</a>&lt;/b&gt; waits', told)

    def test_large_numbers_are_short_and_unknown_ones_a_dash(self):
        told = [formats.roughly(n) for n in (None, 0, 9_999, 10_000, 123_456, 2_100_000, 3_000_000_000)]
        self.assertEqual(told, ["–", "0", "9,999", "10.0 k", "123.5 k", "2.1 M", "3.0 G"])

    def test_spans_of_time_have_one_unit(self):
        told = [formats.duration(s) for s in (0, 0.04, 0.36, 12, 89, 120, 7200, 200_000)]
        self.assertEqual(told, ["0 s", "0 s", "0.4 s", "12 s", "89 s", "2 min", "2 h", "2 d"])

    def test_a_time_is_told_in_utc_and_knows_its_age(self):
        tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
        with time_machine.travel(NOON + timedelta(minutes=3), tick=False):
            self.assertIn(">2026-03-01 12:00:00</time>", formats.moment(tokyo))
            self.assertIn("data-ago>3 min ago</time>", formats.moment(tokyo, relative=True))
            self.assertEqual(formats.ago(NOON + timedelta(minutes=5)), "in 2 min")
        self.assertIn("–", formats.moment(None))

    def test_json_keeps_its_own_script_and_is_never_markup(self):
        shown = formats.pretty({"顧客": "<script>alert(1)</script>", "n": -1.5, "ok": True, "none": None, 'q"': "a\\b"})
        self.assertIn('<span class="j-key">&quot;顧客&quot;</span>', shown)
        self.assertIn("&lt;script&gt;", shown)
        self.assertNotIn("<script>", shown)
        for marked in ('<span class="j-number">-1.5</span>', '<span class="j-word">true</span>', '<span class="j-word">null</span>'):
            self.assertIn(marked, shown)

    def test_ids_in_json_lead_to_what_they_name(self):
        self.assertIn(f'href="/admin/jump/?q={ID}"', formats.pretty({"order_id": ID}))

    def test_an_id_is_known_by_its_end(self):
        self.assertEqual(formats.shorten(f"order-{ID}", keep=12), "order-…effd03334208")
        self.assertEqual(formats.shorten("operations"), "operations")
