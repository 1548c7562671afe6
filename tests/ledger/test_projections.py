"""The read tables say what the write rows say, in whatever order and portions the events arrive."""

import random

from django.test import TestCase
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyTestCase

from eventstore.delivery import drain
from eventstore.errors import Refused
from eventstore.log import current_position
from eventstore.projections import rebuild
from eventstore.testing import deliver_everything
from ledger.models import Account, Balance, Entry, StatementLine
from ledger.projections import balances
from tests.ledger.examples import BANK, credit, open_customer, withdraw

FACTS = ("code", "currency", "exponent", "kind", "normal_side", "credit_limit", "posting_mode", "owner_ref")
FIGURES = (*FACTS, "posted", "pending_in", "pending_out", "available")


class Comparing(TestCase):
    def assertSameAsWritten(self) -> None:
        rows = {row.account_id: row for row in Balance.objects.all()}
        self.assertEqual(rows.keys(), set(Account.objects.values_list("pk", flat=True)))
        for account in Account.objects.all():
            state, row = account.balance, rows[account.pk]
            self.assertEqual({name: getattr(row, name) for name in FIGURES}, {name: getattr(state, name) for name in FIGURES})
            self.assertEqual(row.version, state.version)
        written = Entry.objects.values_list("transaction_id", "account_id", "side", "amount", "balance_after")
        told = StatementLine.objects.values_list("transaction_id", "account_id", "side", "amount", "balance_after")
        self.assertEqual(sorted(told, key=str), sorted(written, key=str))


class Balances(Comparing):
    def test_a_balance_follows_its_account(self):
        account = open_customer()
        credit(account, 5000)
        withdraw(account, 1200)
        deliver_everything()
        row = Balance.objects.get(pk=account.pk)
        self.assertEqual((row.posted, row.available, row.version), (3800, 3800, 3))
        self.assertEqual(Balance.objects.get(code=BANK).posted, 3800)
        self.assertSameAsWritten()

    def test_both_sides_of_a_transfer_are_told(self):
        giver, taker = open_customer(), open_customer()
        credit(giver, 1000)
        withdraw(giver, 300, counterparty=taker.code)
        deliver_everything()
        self.assertSameAsWritten()

    def test_the_bank_may_be_described_after_it_was_used(self):
        """Its opening is in its own stream, its entries in those of its customers: partitions come in any order."""
        for _ in range(5):
            credit(open_customer(), 100)
        partitions = list(current_position().heads)
        seen = []
        for seed in range(3):
            rebuild_slowly(partitions, random.Random(seed))
            self.assertEqual(Balance.objects.get(code=BANK).posted, 500)
            seen.append(list(Balance.objects.order_by("pk").values()))
        self.assertEqual(seen, [seen[0]] * 3, "every column is the same, whichever partition came first")
        deliver_everything()
        self.assertSameAsWritten()

    def test_a_rebuild_gives_the_same(self):
        account = open_customer()
        for amount in range(1, 20):
            credit(account, amount)
        deliver_everything()
        rebuild("ledger.balances")
        rebuild("ledger.statement")
        self.assertSameAsWritten()

    def test_the_statement_is_in_the_order_of_the_account(self):
        account = open_customer()
        for amount in range(1, 15):
            credit(account, amount)
        deliver_everything()
        lines = StatementLine.objects.filter(account_id=account.pk).order_by("-key")
        self.assertEqual([line.amount for line in lines], list(range(14, 0, -1)))
        self.assertEqual([line.balance_after for line in lines][:2], [105, 91])

    def test_thirty_digits_arrive_digit_for_digit(self):
        account = open_customer()
        credit(account, "9" * 30)
        deliver_everything()
        self.assertEqual(str(Balance.objects.get(pk=account.pk).posted), "9" * 30)
        self.assertEqual(str(StatementLine.objects.get(account_id=account.pk).amount), "9" * 30)


def rebuild_slowly(partitions: list[int], dice: random.Random) -> None:
    """Fold everything again, the partitions in a random order."""
    from eventstore.projections import reset

    reset(balances)
    dice.shuffle(partitions)
    for partition in partitions:
        drain(balances, partition)


class AnyHistory(PropertyTestCase, Comparing):
    @settings(max_examples=15, deadline=None)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["credit", "withdraw", "transfer", "deliver"]), st.integers(0, 2), st.integers(1, 900)),
            max_size=25,
        )
    )
    def test_sums_are_zero_and_read_tables_are_right_after_any_history(self, steps):
        customers = [open_customer(), open_customer(), open_customer(credit_limit="500")]
        expected = [0, 0, 0]
        for what, who, amount in steps:
            other = (who + 1) % 3
            try:
                if what == "credit":
                    credit(customers[who], amount)
                elif what == "withdraw":
                    withdraw(customers[who], amount)
                elif what == "transfer":
                    withdraw(customers[who], amount, counterparty=customers[other].code)
                    expected[other] += amount
                else:
                    deliver_everything()
                    continue
                expected[who] += amount if what == "credit" else -amount
            except Refused:
                self.assertLess(expected[who] + (500 if who == 2 else 0), amount)
        deliver_everything()
        self.assertEqual([account.state.posted for account in map(again, customers)], expected)
        self.assertEqual(sum(entry.amount if entry.side == "D" else -entry.amount for entry in Entry.objects.all()), 0)
        self.assertSameAsWritten()


def again(account: Account) -> Account:
    account.refresh_from_db()
    return account
