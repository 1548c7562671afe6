"""The benchmark at its smallest: every measurement runs once, and machines find what they look for. Nothing here is timed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, tag

from config.benchmark.measurements import Options, Row, compare
from config.benchmark.reports import figure
from config.benchmark.runs import MEASUREMENTS, chosen
from config.local.places import CHECKOUT

EXCERPT = CHECKOUT / "tests" / "orders" / "data" / "online_retail_excerpt.csv"


def benchmark(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """As a person would call it: not on the servers of this run, and without the settings of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DAYBOOK_DATA", "DATABASE_", "REDIS_"))}
    command = [sys.executable, "manage.py", "benchmark", *map(str, arguments)]
    return subprocess.run(command, cwd=CHECKOUT, env=kept, capture_output=True, text=True, timeout=600, check=False)


@tag("slow")
class WholeRun(SimpleTestCase):
    def test_every_measurement_runs_and_says_what_it_was_compared_with(self):
        done = benchmark("--json", "--repeat", "1", "--seconds", "0.1", "--log-size", "1000", "--orders", EXCERPT)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        told = json.loads(done.stdout)
        for row in told["rows"]:
            self.assertLessEqual({"name", "ours", "against", "unit", "ratio", "wanted", "peer"}, set(row))
            self.assertGreater(min(row["ours"], row["against"], row["ratio"]), 0, row)
        names = [row["name"] for row in told["rows"]]
        self.assertEqual(len(set(names)), len(names))
        for measurement in MEASUREMENTS:
            self.assertTrue(any(name.startswith(measurement) for name in names), f"{measurement} is missing among {names}")
        self.assertLessEqual({"cores", "python", "postgresql", "valkey", "django"}, set(told["facts"]))


class Choosing(SimpleTestCase):
    def test_a_measurement_that_does_not_exist(self):
        with self.assertRaisesMessage(CommandError, "There is no measurement speed; known: append, relay"):
            call_command("benchmark", only=["speed"])

    def test_sizes_that_measure_nothing(self):
        with self.assertRaisesMessage(CommandError, "--repeat is at least 1"):
            call_command("benchmark", repeat=0)

    def test_a_file_that_is_not_there(self):
        with self.assertRaisesMessage(CommandError, "There is no file"):
            call_command("benchmark", orders="/nowhere/orders.csv")

    def test_an_import_needs_a_file(self):
        self.assertNotIn("import", chosen(Options()))
        self.assertIn("import", chosen(Options(orders="orders.csv")))
        self.assertEqual(list(chosen(Options(only=("relay",), orders="orders.csv"))), ["relay"])


class Comparing(SimpleTestCase):
    def row(self, ours, against, wanted=""):
        mine, theirs = iter(ours), iter(against)
        return compare("x", lambda: next(mine), lambda: next(theirs), repeat=len(ours), unit="events/s", peer="y", wanted=wanted)

    def test_the_median_of_the_pairs_counts_not_the_pair_of_the_medians(self):
        row = self.row(ours=[10, 40, 90], against=[10, 20, 10])
        self.assertEqual((row.ours, row.against, row.ratio), (40, 10, 2))

    def test_turns_are_taken_the_other_way_round_each_time(self):
        order = []
        compare("x", lambda: order.append("ours") or 1.0, lambda: order.append("peer") or 1.0, repeat=2, unit="s", peer="y")
        self.assertEqual(order, ["ours", "peer", "peer", "ours"])

    def test_a_bound_is_met_or_not_or_there_is_none(self):
        self.assertIs(self.row([8], [10], wanted=">= 0.8").is_met, True)
        self.assertIs(self.row([7], [10], wanted=">= 0.8").is_met, False)
        self.assertIs(self.row([12], [10], wanted="<= 1.2").is_met, True)
        self.assertIsNone(self.row([7], [10]).is_met)

    def test_figures_have_three_digits_that_mean_something(self):
        self.assertEqual([figure(12345.6), figure(123.4), figure(12.345), figure(0.01234)], ["12,346", "123", "12.3", "0.0123"])

    def test_machines_get_the_names_that_others_rely_on(self):
        self.assertEqual(Row.__struct_fields__[:6], ("name", "ours", "against", "unit", "ratio", "wanted"))
