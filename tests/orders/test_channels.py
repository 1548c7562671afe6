"""Somebody else's invoices in our words: what each kind of row means, and which order a credit note belongs to. Pure."""

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import RFC_4122, UUID

from django.test import SimpleTestCase
from hypothesis import given
from hypothesis import strategies as st

from eventstore.clock import new_id
from orders.channels.credit_notes import Claim, fitting, goods_of, share_out, translate_credit_note
from orders.channels.online_retail import CHANNEL, translate_invoice
from orders.channels.order_ids import order_id_of
from orders.channels.retail_rows import Document, Row, read_documents
from orders.channels.text_files import LONGEST, NumberedLine, TextFile
from orders.commands import CancelOrder, RefundOrder
from orders.domain import goods
from orders.events import Charge, Line

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LAMP = "500001,LAMP,A LAMP,6,12/1/10 8:26,2.55,17850,United Kingdom"
AT = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


def read(*rows, header=HEADER):
    return list(read_documents(NumberedLine(number, text) for number, text in enumerate((header, *rows), start=1)))


def read_one(row):
    ((only,),) = [document.rows for document in read(row)]
    return only


def row(line=2, number="500001", sku="LAMP", quantity=6, price=255, customer="17850", problem=""):
    return Row(line=line, number=number, sku=sku, quantity=quantity, price=price, at=AT, customer=customer, problem=problem)


def document(*rows):
    return Document(number=rows[0].number, rows=rows)


def kinds(outcomes):
    return [outcome.kind for outcome in outcomes]


class Reading(SimpleTestCase):
    def test_a_row_is_read_to_the_penny_and_to_the_minute(self):
        self.assertEqual(read_one(LAMP), row())
        self.assertEqual(read_one(LAMP.replace("8:26", "8:05")).at, datetime(2010, 12, 1, 8, 5, tzinfo=UTC))

    def test_times_are_the_shops_clock(self):
        summer = read_one(LAMP.replace("12/1/10", "6/1/11")).at
        self.assertEqual(summer.astimezone(UTC), datetime(2011, 6, 1, 7, 26, tzinfo=UTC))

    def test_spellings_of_other_exports_are_the_same_row(self):
        self.assertEqual(read_one(LAMP.replace("12/1/10", "12/01/2010").replace("17850", "17850.0").replace("LAMP,A", " lamp ,A")), row())

    def test_columns_may_stand_in_any_order_and_others_beside_them(self):
        (found,) = read(
            "17850,x,2.55,12/1/10 8:26,6,LAMP,500001", header="CustomerID,Extra,UnitPrice,InvoiceDate,Quantity,StockCode,InvoiceNo"
        )
        self.assertEqual(found.rows, (row(),))

    def test_a_missing_column_is_named(self):
        with self.assertRaisesMessage(ValueError, "does not name Quantity, UnitPrice, separated by commas; it is 'InvoiceNo,"):
            read(header=HEADER.replace("Quantity", "Number").replace("UnitPrice", "Price"))

    def test_what_cannot_be_read_says_why(self):
        for broken, why in {
            LAMP.replace(",6,", ",six,"): "Quantity 'six' is not a whole number",
            LAMP.replace(",6,", ",6.5,"): "Quantity '6.5' is not a whole number",
            LAMP.replace(",6,", ",,"): "Quantity '' is not a whole number",
            LAMP.replace(",6,", ",99999999999,"): "Quantity '99999999999' is not a whole number of at most nine digits",
            LAMP.replace(",6,", ",٦,"): "is not a whole number",
            LAMP.replace("2.55", "2.555"): "UnitPrice '2.555' has fractions of a penny",
            LAMP.replace("2.55", "£2.55"): "UnitPrice '£2.55' is not a price such as 2.55",
            LAMP.replace("2.55", "1e400"): "UnitPrice '1e400' is not a price",
            LAMP.replace("2.55", "NaN"): "UnitPrice 'NaN' is not a price",
            LAMP.replace("2.55", "9" * 60): "…' is not a price",
            LAMP.replace("12/1/10", "13/13/10"): "InvoiceDate '13/13/10 8:26' is not a time such as",
            LAMP.replace("12/1/10", "12/1/0001"): "is not a time such as",
            LAMP.replace(",LAMP,", ",,"): "StockCode '' is not the code of an article",
            LAMP.replace(",LAMP,", ",LA\x00MP,"): r"StockCode 'LA\x00MP' is not the code",
            LAMP.replace(",LAMP,", f",{'X' * 70},"): "is not the code of an article",
            LAMP.replace("17850", "17\x0050"): "CustomerID",
            LAMP + ",more": "9 columns instead of 8",
            "500001,LAMP,A LA": "3 columns instead of 8",
            "A500001" + LAMP[6:]: "InvoiceNo 'A500001' is neither a number nor C and a number",
            LAMP.replace("A LAMP", '"A LAMP'): "not a row of a CSV file",
            "5000": "1 columns instead of 8",
            ",": "InvoiceNo '' is neither",
        }.items():
            with self.subTest(broken[:80]):
                self.assertIn(why, read_one(broken).problem)

    def test_an_unreadable_row_counts_in_the_sum_as_far_as_it_can(self):
        self.assertEqual(read_one(LAMP.replace("8:26", "soon")).amount, 1530)
        self.assertEqual(read_one(LAMP.replace(",6,", ",six,")).amount, 0)

    def test_rows_of_one_number_that_follow_each_other_are_a_document(self):
        other = LAMP.replace("500001", "C500002")
        found = read(LAMP, "", LAMP, "nonsense", LAMP, other, LAMP)
        self.assertEqual(
            [(each.number, [each.line for each in each.rows]) for each in found],
            [("", [5]), ("500001", [2, 4, 6]), ("C500002", [7]), ("500001", [8])],
        )

    @given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=60), max_size=5))
    def test_no_text_at_all_is_too_strange_to_be_read(self, rows):
        documents = read(*rows)
        self.assertEqual(sum(len(found.rows) for found in documents), sum(bool(text.strip()) for text in rows))
        for found in documents:
            _, outcomes = translate_invoice(found)
            self.assertTrue(all(outcome.reason for outcome in outcomes))


class Files(SimpleTestCase):
    def write(self, content):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "some.csv"
        path.write_bytes(content)
        return path

    def lines(self, content):
        return [line.text for line in TextFile(self.write(content))]

    def test_utf_8_and_windows_may_stand_in_one_file(self):
        self.assertEqual(self.lines(b"\xef\xbb\xbf\xc2\xa3 5\r\n\xa3 5\n\x80 7\n\x81"), ["£ 5\n", "£ 5\n", "€ 7\n", "\ufffd"])

    def test_a_line_without_end_is_one_unreadable_line(self):
        lines = list(TextFile(self.write(b"a\n" + b"x" * (3 * LONGEST) + b"\nb\n")))
        self.assertEqual(lines, [(1, "a\n"), (2, None), (3, "b\n")])

    def test_a_line_that_just_fits_is_read(self):
        self.assertEqual(self.lines(b"x" * (LONGEST - 1) + b"\ny"), ["x" * (LONGEST - 1) + "\n", "y"])

    def test_what_is_no_file_is_said_in_a_sentence(self):
        folder = self.write(b"").parent
        for path, why in {
            folder: "is a folder",
            folder / "nothing": "There is no file",
            folder / "some.csv": "is empty",
            folder / ("x" * 300): "cannot be read",
            Path("/dev/null"): "is not a file",
        }.items():
            with self.assertRaisesMessage(ValueError, why):
                TextFile(path)


class Invoices(SimpleTestCase):
    def test_articles_become_lines_and_postage_a_charge(self):
        order, outcomes = translate_invoice(
            document(row(), row(3, sku="POST", quantity=3, price=1800), row(4, sku="M", quantity=12, price=42))
        )
        assert order
        self.assertEqual(order.order_id, order_id_of(CHANNEL, 500001))
        self.assertEqual((order.currency, order.customer_ref, order.external_id), ("GBP", "17850", "online_retail:500001"))
        self.assertEqual(order.lines, (Line(sku="LAMP", quantity=6, unit_price="255"),))
        self.assertEqual(order.charges, (Charge(kind="postage", amount="5400"), Charge(kind="manual", amount="504")))
        self.assertEqual(kinds(outcomes), ["ordered", "charged", "charged"])
        self.assertEqual([outcome.amount for outcome in outcomes], [1530, 5400, 504])

    def test_channel_and_number_alone_make_the_order_id_for_ever(self):
        self.assertEqual(order_id_of(CHANNEL, 536365), UUID("00000008-2f2d-8091-9ecc-eeb74afe20f4"))
        self.assertNotEqual(order_id_of("elsewhere", 536365), order_id_of(CHANNEL, 536365))

    def test_ids_of_a_channel_sort_by_number_and_before_the_ones_made_here(self):
        ids = [order_id_of(CHANNEL, 7), order_id_of(CHANNEL, 536365), order_id_of(CHANNEL, 10**12 - 1), new_id()]
        self.assertEqual(sorted(ids), ids)
        self.assertEqual({each.version for each in ids[:3]}, {8})
        self.assertEqual({each.variant for each in ids}, {RFC_4122})

    def test_who_has_no_account_is_a_guest_and_a_present_costs_nothing(self):
        order, outcomes = translate_invoice(document(row(customer=""), row(3, sku="BAG", price=0, customer="")))
        assert order
        self.assertEqual(order.customer_ref, "guest")
        self.assertEqual(kinds(outcomes), ["ordered", "ordered"])

    def test_fees_and_stock_corrections_are_refused_and_spoil_nothing(self):
        order, outcomes = translate_invoice(
            document(row(), row(3, sku="AMAZONFEE", quantity=1), row(4, quantity=-2, price=0), row(5, quantity=0))
        )
        assert order
        self.assertEqual(len(order.lines), 1)
        self.assertEqual(
            [outcome.reason for outcome in outcomes],
            [
                "",
                "a fee of Amazon is not a sale",
                "a stock correction (-2 of LAMP without a price) is not a sale",
                "a quantity of 0 sells nothing",
            ],
        )

    def test_without_an_article_there_is_no_order(self):
        for rows, why in (
            ([row(sku="POST", quantity=1)], "charges without an article are not an order"),
            ([row(sku="BANK CHARGES", quantity=1)], "a bank charge is not a sale"),
            ([row(quantity=-38, price=0, customer="")], "a stock correction (-38 of LAMP without a price) is not a sale"),
            ([row(quantity=56, price=0, customer="")], "a stock correction (+56 of LAMP without a price) is not a sale"),
        ):
            order, outcomes = translate_invoice(document(*rows))
            self.assertIsNone(order)
            self.assertEqual([outcome.reason for outcome in outcomes], [why])

    def test_an_invoice_with_a_row_that_makes_no_sense_is_held_back_whole(self):
        for fault, why in (
            (row(3, problem="unreadable"), "unreadable"),
            (row(3, price=-255), "a price below zero"),
            (row(3, quantity=-6), "only a credit note (C…) takes articles back"),
            (row(3, customer="17851"), "another customer (17851) than in the rows above (17850)"),
        ):
            order, outcomes = translate_invoice(document(row(), fault))
            self.assertIsNone(order)
            self.assertEqual([each.reason for each in outcomes], ["held back because of line 3 of the same document", why])

    def test_what_no_order_may_be_is_refused_in_words(self):
        order, outcomes = translate_invoice(document(row(quantity=1_000_001)))
        self.assertIsNone(order)
        self.assertIn("not an order: Expected `int` <= 1000000", outcomes[0].reason)
        order, outcomes = translate_invoice(document(*(row(line) for line in range(2, 2003))))
        self.assertIsNone(order)
        self.assertIn("length <= 2000", outcomes[0].reason)


def claim(number, *rows, whole=True):
    return Claim(order_id=order_id_of(CHANNEL, number), serial=number, left=goods_of(rows), whole=whole)


def note(*rows):
    return document(
        *(Row(line=r.line, number="C500009", sku=r.sku, quantity=-r.quantity, price=r.price, customer=r.customer) for r in rows)
    )


TWO_LAMPS, LAMPS, BAGS = row(2, quantity=2), row(3), row(4, sku="BAG", quantity=10, price=45)


class CreditNotes(SimpleTestCase):
    def translate(self, credit, *claims, done=()):
        commands, outcomes = translate_credit_note(credit, done, claims)
        return commands, kinds(outcomes)

    def test_part_of_an_order_is_refunded(self):
        commands, outcomes = self.translate(note(TWO_LAMPS), claim(500001, LAMPS))
        self.assertEqual(
            commands,
            [
                RefundOrder(
                    order_id=order_id_of(CHANNEL, 500001),
                    refund_id="online_retail:C500009",
                    reason="credit note C500009",
                    lines=(Line(sku="LAMP", quantity=2, unit_price="255"),),
                )
            ],
        )
        self.assertEqual(outcomes, ["refunded"])

    def test_all_of_an_order_is_cancelled_unless_some_of_it_came_back_before(self):
        commands, outcomes = self.translate(note(LAMPS, BAGS), claim(500001, BAGS, LAMPS))
        self.assertEqual(commands, [CancelOrder(order_id=order_id_of(CHANNEL, 500001), reason="credit note C500009")])
        self.assertEqual(outcomes, ["cancelled", "cancelled"])
        _, outcomes = self.translate(note(LAMPS, BAGS), claim(500001, BAGS, LAMPS, whole=False))
        self.assertEqual(outcomes, ["refunded", "refunded"])

    def test_postage_comes_back_only_when_the_note_says_so(self):
        post = row(5, sku="POST", quantity=1, price=1800)
        (refund,), _ = self.translate(note(LAMPS), claim(500001, LAMPS, post))
        self.assertIsInstance(refund, RefundOrder)
        (whole,), _ = self.translate(note(LAMPS, post), claim(500001, LAMPS, post))
        self.assertIsInstance(whole, CancelOrder)
        (part,), _ = self.translate(note(post), claim(500001, LAMPS, post))
        self.assertEqual(part.charges, (Charge(kind="postage", amount="1800"),))

    def test_of_several_orders_the_one_that_fits_most_rows_comes_first_then_a_whole_one_then_the_newest(self):
        both, lamps, newer = claim(500001, LAMPS, BAGS, BAGS), claim(500002, LAMPS), claim(500003, LAMPS, BAGS, BAGS)
        for claims, wanted in (
            ([both, lamps], both),
            ([both, newer, lamps], newer),
            ([both, newer, whole := claim(500002, LAMPS, BAGS)], whole),
        ):
            commands, _ = self.translate(note(LAMPS, BAGS), *claims)
            self.assertEqual([command.order_id for command in commands], [wanted.order_id])

    def test_one_note_may_take_from_several_orders_but_a_row_only_from_one(self):
        commands, outcomes = self.translate(note(LAMPS, BAGS), claim(500001, LAMPS), claim(500002, BAGS))
        self.assertEqual(len(commands), 2)
        self.assertEqual(outcomes, ["cancelled", "cancelled"])
        commands, outcomes = self.translate(note(LAMPS), claim(500001, TWO_LAMPS), claim(500002, TWO_LAMPS), claim(500003, TWO_LAMPS))
        self.assertEqual((commands, outcomes), ([], ["refused"]))

    def test_only_an_earlier_order_can_be_meant(self):
        commands, outcomes = self.translate(note(LAMPS), claim(500010, LAMPS))
        self.assertEqual((commands, outcomes), ([], ["refused"]))

    def test_rows_without_an_order_say_what_was_looked_for(self):
        stranger = row(5, customer="")
        for credit, why in (
            (note(LAMPS), "no earlier order of customer 17850 has 6 of LAMP at 2.55 left to give back"),
            (note(stranger), "without a customer nobody can say whose order it takes back"),
            (note(row(sku="D", quantity=1)), "a discount belongs to no order"),
            (note(row(quantity=0)), "a quantity of 0 takes nothing back"),
        ):
            _, outcomes = translate_credit_note(credit, (), ())
            self.assertEqual([outcome.reason for outcome in outcomes], [why])

    def test_a_note_that_was_read_before_has_nothing_left_to_do(self):
        done = [claim(500001, LAMPS)]
        commands, outcomes = self.translate(note(LAMPS, BAGS), claim(500001, BAGS), done=done)
        self.assertEqual((commands, outcomes), ([], ["cancelled", "refused"]), "what did not fit then does not fit now")

    @given(st.data())
    def test_however_orders_lie_nothing_is_taken_back_twice_and_every_row_has_one_outcome(self, data):
        rows = st.builds(
            row, st.just(0), sku=st.sampled_from(["LAMP", "BAG", "POST"]), quantity=st.integers(1, 3), price=st.sampled_from([1, 2])
        )
        orders = data.draw(st.lists(st.lists(rows, min_size=1, max_size=4), max_size=4))
        claims = [claim(number, *bought) for number, bought in enumerate(orders, start=1)]
        wanted = [
            Row(line=line, number="C9", sku=r.sku, quantity=-r.quantity, price=r.price, customer="17850")
            for line, r in enumerate(data.draw(st.lists(rows, min_size=1, max_size=5)))
        ]
        commands, outcomes = translate_credit_note(document(*wanted), (), claims)
        self.assertEqual([outcome.line for outcome in outcomes], [each.line for each in wanted])
        self.assertEqual(len({command.order_id for command in commands}), len(commands))
        given_back: Counter[object] = Counter()
        left = {each.order_id: each.left for each in claims}
        for command in commands:
            taken = left[command.order_id] if isinstance(command, CancelOrder) else goods(command.lines, command.charges)
            self.assertLessEqual(taken, left[command.order_id])
            given_back.update(taken)
        kept = [each for each, outcome in zip(wanted, outcomes, strict=True) if outcome.kind != "refused"]
        self.assertEqual(given_back, goods_of(kept))
        for each in wanted:
            if each not in kept:
                self.assertEqual([fitting([each], still_there) for still_there in remaining(claims, commands)], [[]] * len(claims))
        self.assertEqual(share_out(wanted, claims), share_out(wanted, list(reversed(claims))))


def remaining(claims, commands):
    """What each order has left after the commands."""
    for each in claims:
        taken = [command for command in commands if command.order_id == each.order_id]
        if not taken:
            yield each.left
        elif isinstance(taken[0], RefundOrder):
            yield each.left - goods(taken[0].lines, taken[0].charges)
        else:
            yield Counter()
