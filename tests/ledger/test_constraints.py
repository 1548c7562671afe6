"""What the database refuses, whoever asks: plain SQL as the application's own role."""

from typing import Any
from unittest import mock
from uuid import uuid4

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase
from msgspec.structs import replace

from eventstore.errors import Refused, StreamMoved
from ledger.commands import CreditFunds
from ledger.handlers import post
from ledger.models import Account, Entry, Transaction
from ledger.models.constraints import RACES, REFUSALS, constraints_speak
from tests.ledger.examples import BANK, credit, open_customer

INSERT_TRANSACTION = """INSERT INTO ledger_transaction (id, external_id, kind, effective_at, recorded_at)
                        VALUES (%s, %s, 'credit', now(), now())"""
INSERT_ENTRY = "INSERT INTO ledger_entry (transaction_id, account_id, side, amount, currency) VALUES (%s, %s, %s, %s, %s)"


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def constraint_of(error: Exception) -> str:
    cause: Any = error.__cause__
    return cause.diag.constraint_name or ""


class AppendOnly(TestCase):
    """Scenario A15. TRUNCATE is the one thing that a row trigger cannot see: it is for the role's grants to forbid."""

    def test_entries_transactions_and_events_cannot_be_changed_or_deleted(self):
        credit(open_customer(), 5)
        for sql in (
            "UPDATE ledger_entry SET amount = amount + 1",
            "DELETE FROM ledger_entry",
            "UPDATE ledger_transaction SET kind = 'sale'",
            "DELETE FROM ledger_transaction",
            "DELETE FROM ledger_account",
            "UPDATE eventstore_event SET name = 'x'",
            "DELETE FROM eventstore_event",
        ):
            with self.subTest(sql), self.assertRaisesMessage(DatabaseError, "Cannot"), transaction.atomic():
                run(sql)


class Balanced(TransactionTestCase):
    def setUp(self):
        self.account = open_customer()
        credit(self.account, 5)
        self.bank = Account.objects.get(code=BANK)

    def committing(self, *entries):
        with transaction.atomic():
            transaction_id = uuid4()
            run(INSERT_TRANSACTION, transaction_id, str(transaction_id))
            for account, side, amount in entries:
                run(INSERT_ENTRY, transaction_id, account.pk, side, amount, "JPY")

    def test_an_unbalanced_transaction_does_not_commit(self):
        with self.assertRaises(IntegrityError) as caught:
            self.committing((self.account, "C", 5), (self.bank, "D", 4))
        self.assertEqual(constraint_of(caught.exception), "a_transaction_sums_to_zero")
        self.assertEqual((Transaction.objects.count(), Entry.objects.count()), (1, 2))

    def test_a_transaction_with_fewer_than_two_entries_does_not_commit(self):
        for entries in ([], [(self.account, "C", 5)]):
            with self.subTest(entries=len(entries)), self.assertRaises(IntegrityError) as caught:
                self.committing(*entries)
            self.assertEqual(constraint_of(caught.exception), "a_transaction_has_two_entries")

    def test_an_old_transaction_gets_no_further_entry(self):
        old = Transaction.objects.get()
        other = open_customer()
        with self.assertRaises(IntegrityError) as caught, transaction.atomic():
            run(INSERT_ENTRY, old.pk, other.pk, "D", 1, "JPY")
        self.assertEqual(constraint_of(caught.exception), "a_transaction_sums_to_zero")

    def test_a_balanced_one_commits(self):
        self.committing((self.account, "C", 5), (self.bank, "D", 5))


class Rows(TestCase):
    def setUp(self):
        self.account = open_customer()
        credit(self.account, 100)

    def refused(self, name, sql, *values):
        with self.subTest(sql), self.assertRaises(IntegrityError) as caught, transaction.atomic():
            run(sql, *values)
        self.assertEqual(constraint_of(caught.exception), name)

    def test_an_account_is_not_overdrawn(self):
        for change in ("debits_posted = debits_posted + 101", "debits_pending = 101"):
            self.refused("an_account_is_not_overdrawn", f"UPDATE ledger_account SET {change} WHERE id = %s", self.account.pk)
        run("UPDATE ledger_account SET debits_pending = 60, debits_posted = 40 WHERE id = %s", self.account.pk)

    def test_posting_what_was_held_needs_no_new_cover(self):
        run("UPDATE ledger_account SET debits_pending = 100 WHERE id = %s", self.account.pk)
        run("UPDATE ledger_account SET debits_pending = 0, debits_posted = 100 WHERE id = %s", self.account.pk)

    def test_an_account_below_its_floor_can_be_paid_up(self):
        run("UPDATE ledger_account SET credit_limit = 500, debits_posted = 600 WHERE id = %s", self.account.pk)
        run("UPDATE ledger_account SET credit_limit = 300 WHERE id = %s", self.account.pk)
        self.refused("an_account_is_not_overdrawn", "UPDATE ledger_account SET debits_posted = 601 WHERE id = %s", self.account.pk)
        run("UPDATE ledger_account SET credits_posted = 101 WHERE id = %s", self.account.pk)

    def test_counters_never_fall(self):
        for change in ("credits_posted = credits_posted - 1", "version = version - 1", "recorded_at = recorded_at - interval '1 second'"):
            self.refused("counters_never_fall", f"UPDATE ledger_account SET {change} WHERE id = %s", self.account.pk)

    def test_an_account_stays_what_it_is(self):
        for change in ("currency = 'EUR'", "code = 'x:y'", "normal_side = 'D'", "posting_mode = 'deferred'"):
            self.refused("an_account_stays_what_it_is", f"UPDATE ledger_account SET {change} WHERE id = %s", self.account.pk)

    def test_a_deferred_account_counts_nothing(self):
        sql = "UPDATE ledger_account SET debits_posted = 1 WHERE code = %s"
        self.refused("a_deferred_account_has_no_floor_and_no_counters", sql, BANK)

    def test_an_entry_is_in_its_accounts_currency_and_above_zero(self):
        old, other = Transaction.objects.get().pk, open_customer().pk
        self.refused("an_entry_is_in_its_accounts_currency", INSERT_ENTRY, old, other, "D", 1, "EUR")
        self.refused("an_entry_is_above_zero", INSERT_ENTRY, old, other, "D", 0, "JPY")
        self.refused("an_entry_is_above_zero", INSERT_ENTRY, old, other, "D", 10**30, "JPY")
        self.refused("an_entry_is_debit_or_credit", INSERT_ENTRY, old, other, "X", 1, "JPY")


class Speaking(TestCase):
    def test_a_rule_that_fails_is_caught_before_the_events_are_flushed(self):
        account = open_customer()
        right = credit(account, 5).posted
        entries = (replace(right.entries[0], account_version=3), replace(right.entries[1], amount="4"))
        wrong = replace(right, transaction_id=uuid4(), external_id="wrong", entries=entries)
        command = CreditFunds(account_id=account.pk, amount="5", currency="JPY", counterparty=BANK, external_id="wrong")
        with mock.patch("ledger.handlers.postings.decide", return_value=[wrong]), self.assertRaises(Refused) as caught:
            post(command)
        self.assertEqual(caught.exception.code, "unbalanced_entries")

    def test_every_name_that_is_answered_exists(self):
        names = set(connection.introspection.get_constraints(connection.cursor(), "ledger_entry"))
        for table in ("ledger_account", "ledger_transaction", "ledger_hold"):
            names |= set(connection.introspection.get_constraints(connection.cursor(), table))
        with connection.cursor() as cursor:
            cursor.execute("SELECT prosrc FROM pg_proc WHERE proname LIKE 'pgtrigger_%'")
            functions = "".join(source for (source,) in cursor.fetchall())
        for name in {*REFUSALS, *RACES} - names:
            self.assertIn(f"'{name}'", functions)

    def test_a_known_constraint_is_a_refusal_and_an_unknown_one_stays_an_error(self):
        account = open_customer()
        with self.assertRaises(Refused) as caught, transaction.atomic(), constraints_speak():
            run("UPDATE ledger_account SET debits_posted = 1 WHERE id = %s", account.pk)
        self.assertEqual((caught.exception.code, caught.exception.status), ("insufficient_funds", 422))
        with self.assertRaises(IntegrityError), transaction.atomic(), constraints_speak():
            run("UPDATE ledger_account SET version = 0 WHERE id = %s", account.pk)
        with self.assertRaises(StreamMoved), transaction.atomic(), constraints_speak():
            account.pk = uuid4()
            account.save(force_insert=True)
