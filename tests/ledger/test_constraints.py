"""What the database refuses, whoever asks: plain SQL as the application's own role."""

from typing import Any
from unittest import mock
from uuid import uuid4

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase
from msgspec.structs import replace

from eventstore.errors import Refused, StreamMoved
from ledger.commands import CreditFunds, VoidHold
from ledger.handlers import end_hold, post
from ledger.models import Account, Entry, Transaction
from ledger.models.constraints import RACES, REFUSALS, constraints_speak
from tests.ledger.examples import BANK, credit, hold, open_customer

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


class Holds(TransactionTestCase):
    """The second lock: what the rules would refuse first, tried in plain SQL."""

    def setUp(self):
        self.account = open_customer()
        credit(self.account, 1000)
        self.hold = hold(self.account, 700, ttl_seconds=3600)

    def refused(self, name: str, sql: str, *values: Any) -> None:
        with self.subTest(sql), self.assertRaises(IntegrityError) as caught, transaction.atomic():
            run(sql, *values)
        self.assertEqual(constraint_of(caught.exception), name)

    def ending(self, change: str) -> str:
        return f"UPDATE ledger_hold SET ended_at = now(), {change} WHERE id = '{self.hold.pk}'"

    def test_a_hold_ends_once(self):
        end_hold(VoidHold(hold_id=self.hold.pk, reason="late"))
        self.refused("a_hold_ends_once", self.ending("reason = 'another'"))
        self.refused("a_hold_ends_once", "UPDATE ledger_hold SET state = 'pending', ended_at = NULL, released_amount = 0")

    def test_a_hold_begins_pending_and_stays_what_it_is(self):
        copied = "external_id || '2', purpose, debit_account_id, credit_account_id, amount, currency, placed_at"
        columns = "(id, external_id, purpose, debit_account_id, credit_account_id, amount, currency, placed_at, state, version, {})"
        columns = columns.format("posted_amount, released_amount, ended_at")
        sql = f"INSERT INTO ledger_hold {columns} SELECT %s, {copied}, 'voided', 1, 0, amount, now() FROM ledger_hold"
        self.refused("a_hold_ends_once", sql, uuid4())
        for change in ("amount = 800", "external_id = 'x'", "expires_at = NULL", "credit_account_id = debit_account_id"):
            self.refused("a_hold_stays_what_it_is", self.ending(f"released_amount = 700, state = 'voided', {change}"))
        with self.assertRaisesMessage(DatabaseError, "Cannot delete"), transaction.atomic():
            run("DELETE FROM ledger_hold")

    def test_what_is_not_posted_is_released_exactly(self):
        for change in (
            "state = 'voided', released_amount = 699",
            "state = 'voided', posted_amount = 700",
            f"state = 'posted', posted_amount = 701, released_amount = -1, transaction_id = '{uuid4()}'",
            f"state = 'posted', posted_amount = 400, released_amount = 301, transaction_id = '{uuid4()}'",
        ):
            self.refused(
                "a_hold_releases_the_rest" if "= -1" not in change else "a_hold_releases_no_less_than_nothing", self.ending(change)
            )

    def test_a_hold_is_posted_in_time_and_does_not_expire_early(self):
        told = f"state = 'posted', posted_amount = 700, transaction_id = '{uuid4()}', ended_at = expires_at"
        sql = f"UPDATE ledger_hold SET {told} WHERE id = %s"
        self.refused("a_hold_is_posted_in_time", sql, self.hold.pk)
        self.refused("a_hold_does_not_expire_early", self.ending("state = 'expired', released_amount = 700"))

    def test_a_hold_is_posted_by_the_transaction_that_moves_it(self):
        posting = f"state = 'posted', posted_amount = 400, released_amount = 300, transaction_id = '{uuid4()}'"
        self.refused("a_hold_is_posted_by_its_transaction", self.ending(posting))
        other = Transaction.objects.get(kind="credit")
        self.refused("a_hold_is_posted_by_its_transaction", self.ending(posting.replace(posting[-37:-1], str(other.pk))))
        for amount, unheld in ((401, 700), (400, 699)):
            with self.subTest(amount=amount, unheld=unheld), self.assertRaises(IntegrityError) as caught, transaction.atomic():
                self.post_by_hand(amount, unheld)
            self.assertEqual(constraint_of(caught.exception), "a_hold_is_posted_by_its_transaction")
        with transaction.atomic():
            self.post_by_hand(400, 700)

    def test_a_transaction_does_not_claim_a_hold_that_it_did_not_post(self):
        with self.assertRaises(IntegrityError) as caught, transaction.atomic():
            self.post_by_hand(400, 700, end=False)
        self.assertEqual(constraint_of(caught.exception), "a_hold_is_posted_by_its_transaction")

    def post_by_hand(self, amount: int, unheld: int, *, end: bool = True) -> None:
        posting = uuid4()
        run(INSERT_TRANSACTION.replace("recorded_at)", "recorded_at, hold_id, unheld)").replace("now())", "now(), %s, %s)"),
            posting, str(posting), self.hold.pk, unheld)  # fmt: skip
        run(INSERT_ENTRY, posting, self.hold.debit_account_id, "D", amount, "JPY")
        run(INSERT_ENTRY, posting, self.hold.credit_account_id, "C", amount, "JPY")
        if end:
            run(self.ending(f"state = 'posted', posted_amount = 400, released_amount = 300, transaction_id = '{posting}'"))

    def test_a_hold_is_in_the_currency_of_both_accounts_and_between_two(self):
        euros = open_customer("EUR").pk
        columns = "id, external_id, purpose, debit_account_id, credit_account_id, amount, currency, placed_at"
        rest = "state, version, posted_amount, released_amount"
        sql = f"INSERT INTO ledger_hold ({columns}, {rest}) VALUES (%s, %s, 'x', %s, %s, %s, 'JPY', now(), 'pending', 1, 0, 0)"
        debit, other = self.hold.debit_account_id, self.hold.credit_account_id
        self.refused("a_hold_is_in_its_debited_accounts_currency", sql, uuid4(), "1", euros, other, 5)
        self.refused("a_hold_is_in_its_credited_accounts_currency", sql, uuid4(), "1", debit, euros, 5)
        self.refused("a_hold_is_between_two_accounts", sql, uuid4(), "1", debit, debit, 5)
        for amount in (0, 10**30):
            self.refused("a_hold_is_above_zero", sql, uuid4(), "1", debit, other, amount)
        self.refused("one_hold_per_external_id", sql, uuid4(), self.hold.external_id, debit, other, 5)


class Reversals(TransactionTestCase):
    def setUp(self):
        self.account = open_customer()
        self.original = credit(self.account, 1000)
        self.bank = Account.objects.get(code=BANK)

    def take_back(self, original: Any, amount: int, side: str = "D", account: Any = None) -> Any:
        reversal = uuid4()
        with transaction.atomic():
            sql = INSERT_TRANSACTION.replace("'credit'", "'reversal'").replace("recorded_at)", "recorded_at, reverses_id)")
            run(sql.replace("now())", "now(), %s)"), reversal, str(reversal), original)
            run(INSERT_ENTRY, reversal, account or self.account.pk, side, amount, "JPY")
            run(INSERT_ENTRY, reversal, self.bank.pk, "C" if side == "D" else "D", amount, "JPY")
        return reversal

    def refused(self, name: str, *arguments: Any) -> None:
        with self.subTest(name), self.assertRaises(IntegrityError) as caught:
            self.take_back(*arguments)
        self.assertEqual(constraint_of(caught.exception), name)

    def test_no_more_is_reversed_than_was_posted_to_each_account_on_each_side(self):
        exceeds = "no_more_is_reversed_than_was_posted"
        self.refused(exceeds, self.original.pk, 1001)
        self.refused(exceeds, self.original.pk, 5, "C")
        self.refused(exceeds, self.original.pk, 5, "D", open_customer().pk)
        self.take_back(self.original.pk, 600)
        self.refused(exceeds, self.original.pk, 401)
        self.take_back(self.original.pk, 400)

    def test_a_reversal_is_not_reversed_and_says_what_it_is(self):
        self.refused("a_reversal_is_not_reversed", self.take_back(self.original.pk, 600), 5)
        sql = INSERT_TRANSACTION.replace("recorded_at)", "recorded_at, reverses_id)").replace("now())", "now(), %s)")
        with self.assertRaises(IntegrityError) as caught, transaction.atomic():
            run(sql, uuid4(), "x", self.original.pk)
        self.assertEqual(constraint_of(caught.exception), "what_reverses_is_a_reversal")


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
