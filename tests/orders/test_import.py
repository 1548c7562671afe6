"""A real shop's invoices taken in: every row accounted for, money exact to the penny, and the same end however often it begins."""

import csv
import json
import tempfile
import time
import tracemalloc
from collections import Counter
from contextlib import redirect_stderr
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from threading import Thread
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.test import SimpleTestCase, TestCase, TransactionTestCase

from eventstore.errors import StreamMoved
from eventstore.log import current_position, read_everything, read_stream, unit_of_work
from eventstore.testing import deliver_everything
from orders.channels import imports
from orders.channels.imports import import_file
from orders.channels.order_ids import order_id_of
from orders.channels.retail_rows import read_documents
from orders.channels.text_files import NumberedLine
from orders.commands import RefundOrder, UpdateOrder
from orders.domain import Status, orders
from orders.events import Charge, Line
from orders.handlers import handle
from orders.models import Order, OrderSummary

EXCERPT = Path(__file__).parent / "data" / "online_retail_excerpt.csv"
LAMP = "500001,LAMP,A LAMP,6,12/1/10 8:26,2.55,17850,United Kingdom"
NOTE = "C500009,LAMP,A LAMP,-6,12/2/10 9:00,2.55,17850,United Kingdom"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def order(number):
    return Order.objects.get(pk=order_id_of("online_retail", int(number)))


def everything():
    """What the shop knows: rows and events, without what differs from run to run (ids, positions and the clock)."""
    rows = {row["id"]: row for row in Order.objects.values()}
    events = [
        (each.stream, each.version, each.name, bytes(each.data), each.occurred_at, each.actor, each.correlation)
        for each in read_everything(500)
    ]
    return rows, sorted(events)


def pence(path):
    """The sum of a file, by other means than the import."""
    with path.open(newline="") as file:
        return sum(int(row["Quantity"]) * Decimal(row["UnitPrice"]) * 100 for row in csv.DictReader(file))


class Importing(TestCase):
    def setUp(self):
        self.report = import_file(EXCERPT)
        self.reasons = dict(self.report.refused)

    def test_every_row_has_exactly_one_outcome(self):
        with EXCERPT.open(newline="") as file:
            rows = sum(1 for _ in csv.DictReader(file))
        told = self.report.as_json()
        outcomes = {name: count for name, count in told.items() if name.startswith("rows_") and name != "rows_total"}
        self.assertEqual(told["rows_total"], rows)
        self.assertEqual(sum(outcomes.values()), rows)
        self.assertEqual(len({refused["line"] for refused in told["refused"]}), outcomes["rows_refused"])
        self.assertTrue(all(outcomes.values()), f"the excerpt shows every outcome: {outcomes}")

    def test_the_money_in_the_books_and_the_refused_rows_come_to_the_sum_of_the_file(self):
        placed = Order.objects.filter(status=Status.PLACED.value).aggregate(total=Sum("total"), refunded=Sum("refunded"))
        with EXCERPT.open(newline="") as file:
            lines = list(csv.reader(file))
        refused = sum(int(lines[line - 1][3]) * Decimal(lines[line - 1][5]) * 100 for line in self.reasons)
        self.assertEqual(placed["total"] - placed["refunded"] + refused, pence(EXCERPT))
        self.assertTrue(self.report.is_exact)
        self.assertEqual(self.report.money["file"], pence(EXCERPT))
        self.assertEqual(self.report.money["refunded"], placed["refunded"])

    def test_an_invoice_is_an_order_of_that_customer_at_that_time(self):
        first = order("536365")
        self.assertEqual((first.customer_ref, first.currency, int(first.total)), ("17850", "GBP", 13912))
        self.assertEqual(first.state.lines[0], Line(sku="85123A", quantity=6, unit_price="255"))
        (envelope,) = read_stream(orders.stream(first.pk))
        self.assertEqual(envelope.occurred_at, datetime(2010, 12, 1, 8, 26, tzinfo=UTC))
        self.assertEqual((envelope.actor, envelope.correlation), ("channel:online_retail", "online_retail:536365"))

    def test_postage_and_carriage_and_what_was_typed_in_by_hand_are_charges(self):
        self.assertEqual(order("536370").state.charges, (Charge(kind="postage", amount="5400"),))
        self.assertEqual(order("536540").state.charges, (Charge(kind="carriage", amount="5000"),))
        self.assertEqual([charge.kind for charge in order("537140").state.charges], ["manual", "manual"])

    def test_a_sale_without_a_customer_is_a_guests_and_articles_have_one_spelling(self):
        guest = order("536866")
        self.assertEqual(guest.customer_ref, "guest")
        self.assertEqual(guest.state.lines[0].sku, guest.state.lines[0].sku.upper())

    def test_credit_notes_find_their_orders(self):
        self.assertEqual(order("536488").state.left["line", "22960", "425"], 2, "six of eight came back")
        self.assertEqual((order("537217").status, order("537410").status), ("cancelled", "cancelled"))
        # Two orders hold the articles of C537408. One of them was given back before, by C537402; so it is the other.
        self.assertEqual([refund.refund_id for refund in order("537216").state.refunds], ["online_retail:C537402"])
        self.assertEqual([refund.refund_id for refund in order("537407").state.refunds], ["online_retail:C537408"])
        (_, cancelled) = read_stream(orders.stream(order_id_of("online_retail", 537217)))
        self.assertEqual(cancelled.occurred_at, datetime(2010, 12, 6, 14, 43, tzinfo=UTC))

    def test_what_came_back_already_does_not_come_back_again(self):
        with EXCERPT.open() as file:
            twice = [number for number, text in enumerate(file, start=1) if text.startswith("C537406")]
        self.assertEqual(len(twice), 4)
        for line in twice:
            self.assertIn("no earlier order of customer 15502 has", self.reasons[line])

    def test_what_is_no_sale_says_what_it_is(self):
        told = Counter(reason.split(" (")[0].split(" has ")[0] for reason in self.reasons.values())
        for reason in (
            "a stock correction",
            "a bank charge is not a sale",
            "a fee of Amazon is not a sale",
            "a fee of Amazon belongs to no order",
            "a discount belongs to no order",
            "a sample belongs to no order",
            "without a customer nobody can say whose order it takes back",
        ):
            self.assertGreater(told[reason], 0, reason)

    def test_the_read_tables_follow(self):
        deliver_everything()
        self.assertEqual(OrderSummary.objects.count(), self.report.orders_created)
        self.assertEqual(OrderSummary.objects.aggregate(sum=Sum("total"))["sum"], self.report.money["ordered"])


class Again(TestCase):
    def test_a_second_run_changes_nothing_and_accounts_for_the_same_rows(self):
        first = import_file(EXCERPT).as_json()
        before, head = everything(), current_position()
        second = import_file(EXCERPT).as_json()
        self.assertEqual((everything(), current_position()), (before, head))
        self.assertEqual((second.pop("orders_created"), second.pop("events_appended")), (0, 0))
        self.assertEqual(second.pop("orders_known"), first.pop("orders_created"))
        for gone in ("orders_known", "events_appended"):
            first.pop(gone)
        self.assertEqual(second, first)

    def test_a_dry_run_says_the_same_and_changes_nothing(self):
        dry = import_file(EXCERPT, dry_run=True).as_json()
        self.assertEqual((Order.objects.count(), everything()), (0, ({}, [])))
        self.assertEqual(dry, import_file(EXCERPT).as_json())

    def test_an_order_that_staff_have_changed_is_left_alone_and_said_so(self):
        import_file(EXCERPT)
        handle(UpdateOrder(order_id=order_id_of("online_retail", 536365), customer_ref="somebody else"))
        before = everything()
        report = import_file(EXCERPT)
        self.assertEqual(everything(), before)
        self.assertIn("exists with other contents", dict(report.refused)[2])
        self.assertTrue(report.is_exact)

    def test_a_refund_of_staff_counts_against_a_later_credit_note(self):
        sale, note = LAMP, NOTE
        import_file(written(self, sale))
        handle(
            RefundOrder(
                order_id=order_id_of("online_retail", 500001),
                refund_id="r",
                reason="?",
                lines=(Line(sku="LAMP", quantity=1, unit_price="255"),),
            )
        )
        report = import_file(written(self, sale, note))
        self.assertEqual(report.refused, [(3, "no earlier order of customer 17850 has 6 of LAMP at 2.55 left to give back")])

    def test_a_credit_note_that_came_before_its_invoice_is_made_good_by_a_later_run(self):
        sale, note = LAMP, NOTE
        self.assertEqual(import_file(written(self, note)).rows["refused"], 1)
        self.assertEqual(import_file(written(self, note, sale)).rows["cancelled"], 1)
        self.assertEqual(import_file(written(self, note)).events_appended, 0)

    def test_an_invoice_that_stands_in_a_file_twice_counts_once(self):
        report = import_file(written(self, LAMP, LAMP.replace("500001", "500002"), LAMP))
        self.assertEqual((report.orders_created, report.rows["ordered"]), (2, 2))
        self.assertIn("stands further up in the file already", dict(report.refused)[4])
        self.assertTrue(report.is_exact)


class Interrupted(TransactionTestCase):
    def test_stopped_after_any_commit_and_begun_again_the_end_is_the_same(self):
        wanted = import_and_tell()
        commits: list[int] = []
        with patch.object(imports, "BATCH_INVOICES", 8):
            self.forget()
            self.assertEqual(import_and_tell(commits.append), wanted)
            for stop in range(1, len(commits), 3):
                self.forget()
                with self.assertRaises(KeyboardInterrupt):
                    import_and_tell(stopping_at(stop))
                self.assertEqual(import_and_tell(), wanted, f"stopped after {stop} of {len(commits)}")

    def forget(self):
        call_command("flush", verbosity=0, interactive=False)

    def test_documents_that_meet_another_writer_are_tried_again_one_by_one(self):
        place = imports.place
        met: list[int] = []

        def unlucky(invoices):
            if len(invoices) > 1 or len(met) < 3:
                met.append(len(invoices))
                raise StreamMoved(stream="order-1", expected=0)
            return place(invoices)

        with patch.object(imports, "place", unlucky):
            report = import_file(EXCERPT)
        self.assertTrue(report.is_exact)
        self.assertEqual(Order.objects.count(), report.orders_created)
        self.assertEqual(met[1:3], [1, 1])

    def test_a_credit_note_that_is_just_being_taken_back_is_waited_for(self):
        import_file(written(self, LAMP, LAMP.replace("500001", "500002")))
        note = translated(NOTE)
        results = []

        def run():
            try:
                results.extend(imports.take_back([note]))
            finally:
                connection.close()

        beside = Thread(target=run)
        with unit_of_work():
            (first,) = imports.take_back([note])
            beside.start()
            wait_for_a_waiting_lock()
        beside.join(timeout=30)
        self.assertEqual(results[0].outcomes, first.outcomes)
        self.assertEqual([order.status for order in Order.objects.order_by("pk")], ["placed", "cancelled"])

    def test_two_imports_at_the_same_time_make_each_order_once(self):
        reports, errors = [], []

        def run():
            try:
                reports.append(import_file(EXCERPT))
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        self.assertEqual(errors, [])
        self.assertEqual(sum(report.orders_created for report in reports), Order.objects.count())
        self.assertEqual(len({json.dumps(report.as_json()["money"]) for report in reports}), 1)


class DirtyFiles(TestCase):
    def test_a_row_that_cannot_be_read_is_refused_with_its_line_and_holds_back_its_invoice(self):
        report = import_file(written(self, LAMP, LAMP.replace(",6,", ",six,"), "500002" + LAMP[6:], "500003,LAMP,A LA"))
        self.assertEqual(
            report.refused,
            [
                (2, "held back because of line 3 of the same document"),
                (3, "Quantity 'six' is not a whole number of at most nine digits"),
                (5, "3 columns instead of 8"),
            ],
        )
        self.assertEqual((report.orders_created, report.is_exact), (1, True))

    def test_the_repaired_file_brings_in_what_was_held_back(self):
        import_file(written(self, LAMP, LAMP.replace(",6,", ",six,")))
        self.assertEqual(import_file(written(self, LAMP, LAMP)).orders_created, 1)

    def test_a_windows_file_is_read(self):
        path = written(self, LAMP)
        path.write_bytes(path.read_bytes().replace(b"A LAMP", b"A \xa35 LAMP"))
        self.assertEqual(import_file(path).orders_created, 1)

    def test_a_header_alone_is_an_import_of_nothing(self):
        report = import_file(written(self))
        self.assertEqual((report.rows_total, report.is_exact), (0, True))


class BigFiles(SimpleTestCase):
    def test_memory_does_not_grow_with_the_file(self):
        def peak(invoices):
            path = written(self, *(LAMP.replace("500001", str(600000 + number)) for number in range(invoices)))
            tracemalloc.start()
            with patch.object(imports, "_carry_out", lambda *_: None):
                import_file(path)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        peak(200)
        self.assertLess(peak(6_000) - peak(600), 1_000_000, "the numbers seen may grow, nothing else")


class TheCommand(TestCase):
    def run_command(self, *arguments):
        out = StringIO()
        with redirect_stderr(StringIO()):
            call_command("import_orders", *arguments, stdout=out)
        return out.getvalue()

    def test_json_says_what_became_of_every_row(self):
        told = json.loads(self.run_command(str(EXCERPT), "--json"))
        counts = {name: count for name, count in told.items() if name.startswith("rows_")}
        self.assertEqual(counts.pop("rows_total"), sum(counts.values()))
        self.assertEqual(set(told["refused"][0]), {"line", "reason"})
        self.assertEqual(told["orders_created"], Order.objects.count())
        self.assertEqual(told["events_appended"], sum(current_position().heads.values()))
        self.assertEqual((told["money"]["exact"], told["money"]["file"]), (True, str(int(pence(EXCERPT)))))

    def test_people_read_sentences(self):
        said = self.run_command(str(EXCERPT), "--dry-run")
        self.assertIn("286 rows: ", said)
        self.assertIn("more refused rows; --json lists them all.", said)
        self.assertIn("A dry run: nothing was changed.", said)

    def test_what_is_no_export_is_a_sentence(self):
        nothing, other = written(self), written(self)
        nothing.write_bytes(b"")
        other.write_bytes(b"\xff\xfeI\x00n\x00v\x00")
        for path, why in {
            EXCERPT.parent: "is a folder",
            EXCERPT.parent / "nothing.csv": "There is no file",
            nothing: "is empty",
            other: "The first line does not name InvoiceNo",
        }.items():
            with self.assertRaisesMessage(CommandError, why):
                self.run_command(str(path))

    def test_a_stop_says_how_to_go_on(self):
        stopped = patch("orders.management.commands.import_orders.import_file", side_effect=KeyboardInterrupt)
        with stopped, self.assertRaisesMessage(CommandError, "Run it again: it goes on where it stopped.") as caught:
            self.run_command(str(EXCERPT))
        self.assertEqual(caught.exception.returncode, 130)


def written(test, *rows):
    """A file with these rows below the header."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    path = Path(folder.name) / "some.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def translated(*rows):
    """The one document of these rows."""
    (found,) = read_documents(NumberedLine(number, text) for number, text in enumerate((HEADER, *rows), start=1))
    return found


def wait_for_a_waiting_lock(seconds=10):
    """Until some other session waits for a lock that somebody holds."""
    until = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw at first
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


def import_and_tell(progress=lambda done: None):
    import_file(EXCERPT, progress=lambda done, total: progress(done))
    return everything()


def stopping_at(turn):
    """A progress that presses Ctrl-C after so many commits."""
    left = [turn]

    def progress(done):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    return progress
