"""Projections: rows of a batch are loaded once, folded in memory and written once; a failed event costs its own stream only."""

from django.db import connection, models
from django.test import TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyTestCase

from eventstore.delivery import forget_consumer, lay_out
from eventstore.errors import UnknownName
from eventstore.log import read_stream
from eventstore.models import ParkedKey
from eventstore.projections import Projection, rebuild, reset
from eventstore.testing import deliver_everything
from tests.eventstore.delivery.recording import execute, record
from tests.eventstore.examples import Raised


class Total(models.Model):
    """A read table that only these tests have."""

    stream = models.CharField(primary_key=True, max_length=200)
    total = models.IntegerField(default=0)

    class Meta:
        app_label = "tests"
        managed = False

    def __str__(self):
        return self.stream


def declare(test, lanes="partition"):
    execute("CREATE TABLE IF NOT EXISTS tests_total (stream varchar(200) PRIMARY KEY, total int NOT NULL)")
    totals = Projection("test.totals", rows=Total, key=lambda event, envelope: envelope.stream, lanes=lanes)
    test.addCleanup(forget_consumer, "test.totals")

    @totals.on(Raised)
    def add(row, event, envelope):
        if event.by == 13:
            raise ValueError("thirteen")
        if event.by == 0:
            return None
        row.total += event.by
        return row

    lay_out()
    return totals


def totals():
    return dict(Total.objects.values_list("stream", "total"))


class Folding(TestCase):
    def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(self):
        projection = declare(self)
        counts = []
        for size in (3, 60):
            record("counter-1", size)
            events = read_stream("counter-1")[-size:]
            with CaptureQueriesContext(connection) as seen:
                projection.handle(events)
            counts.append(len(seen))
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(totals(), {"counter-1": 63})

    def test_returning_none_removes_the_row(self):
        declare(self)
        record("counter-1", 2)
        record("counter-1", by=0)
        deliver_everything()
        self.assertEqual(totals(), {})
        record("counter-1", by=5)
        deliver_everything()
        self.assertEqual(totals(), {"counter-1": 5})

    def test_a_failed_event_holds_back_its_own_stream_only(self):
        declare(self)
        for stream, by in (("counter-1", 1), ("counter-29", 2), ("counter-29", 13), ("counter-29", 4), ("counter-1", 8)):
            record(stream, by=by)
        deliver_everything()
        self.assertEqual(totals(), {"counter-1": 9, "counter-29": 2})
        self.assertEqual(ParkedKey.objects.get().key, "counter-29")


class Rebuilding(TransactionTestCase):
    def setUp(self):
        self.addCleanup(execute, "DROP TABLE IF EXISTS tests_total")

    def test_a_rebuilt_table_is_the_same_table(self):
        declare(self)
        for number in range(12):
            record(f"counter-{number}", number + 1)
        deliver_everything()
        before = totals()
        Total.objects.filter(stream="counter-3").update(total=999)
        Total.objects.filter(stream="counter-4").delete()
        progress = []
        self.assertEqual(rebuild("test.totals", lambda done, total: progress.append((done, total))), 78)
        self.assertEqual(totals(), before)
        self.assertEqual(progress[-1], (78, 78))
        self.assertEqual(sorted(progress), progress)

    def test_a_rebuild_that_died_is_finished_by_ordinary_delivery(self):
        projection = declare(self)
        record("counter-1", 5)
        deliver_everything()
        reset(projection)
        self.assertEqual(totals(), {})
        deliver_everything()
        self.assertEqual(totals(), {"counter-1": 5})

    def test_keys_that_waited_are_folded_again_from_the_beginning(self):
        projection = declare(self)
        record("counter-1", by=13)
        deliver_everything()
        self.assertEqual(ParkedKey.objects.filter(state="retrying").count(), 1)
        reset(projection)
        self.assertEqual(ParkedKey.objects.filter(state="retrying").count(), 0)
        deliver_everything()
        self.assertEqual(ParkedKey.objects.filter(state="retrying").count(), 1, "it still does not work")

    def test_an_unknown_name_is_told_the_known_ones(self):
        told = "There is no projection named orders.order_lst. Did you mean orders.order_list? Known: "
        with self.assertRaisesMessage(UnknownName, told):
            rebuild("orders.order_lst")


class Commuting(PropertyTestCase):
    @given(st.lists(st.tuples(st.sampled_from(["counter-1", "counter-2", "counter-29"]), st.integers(1, 9)), max_size=12))
    def test_the_table_is_the_fold_of_the_log_however_it_was_cut_into_batches(self, raises):
        declare(self)
        try:
            expected: dict[str, int] = {}
            for number, (stream, by) in enumerate(raises):
                record(stream, by=by)
                expected[stream] = expected.get(stream, 0) + by
                if number % 3 == 0:
                    deliver_everything()
            deliver_everything()
            self.assertEqual(totals(), expected)
        finally:
            forget_consumer("test.totals")
