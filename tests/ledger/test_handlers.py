"""What a command leaves behind: rows, events, and the same answer when it comes again."""

from datetime import UTC, datetime
from typing import Any
from unittest import mock

from django.test import TestCase

from eventstore.errors import Refused, StreamMoved
from eventstore.log import read_stream, unit_of_work
from ledger.commands import CreditFunds, Leg, OpenAccount, PostTransaction
from ledger.domain import accounts
from ledger.handlers import open_account, post
from ledger.models import Account, Entry, Transaction
from ledger.models.write import AccountQuerySet
from tests.ledger.examples import BANK, credit, open_customer, posted, withdraw


class Opening(TestCase):
    def test_an_account_is_a_row_and_the_first_event_of_its_stream(self):
        account, fresh = open_account(OpenAccount(currency="EUR", owner_ref="C42"))
        self.assertTrue(fresh)
        (envelope,) = read_stream(account.stream)
        self.assertEqual((envelope.name, envelope.version), ("ledger.account_opened", 1))
        account.refresh_from_db()
        self.assertEqual(account.state, accounts.fold([envelope.event]))

    def test_opening_it_again_is_the_same_account(self):
        command = OpenAccount(currency="EUR", code="customer:C42:EUR")
        first, _ = open_account(command)
        second, fresh = open_account(OpenAccount(currency="EUR", code="customer:C42:EUR"))
        self.assertEqual((second, fresh, len(read_stream(first.stream))), (first, False, 1))

    def test_opening_something_else_under_its_code_is_refused(self):
        open_account(OpenAccount(currency="EUR", code="customer:C42:EUR"))
        with self.assertRaises(Refused) as caught:
            open_account(OpenAccount(currency="EUR", code="customer:C42:EUR", credit_limit="100"))
        self.assertEqual(caught.exception.code, "account_exists")


class Posting(TestCase):
    def setUp(self):
        self.account = open_customer()

    def test_credit_then_withdraw(self):
        """Scenario A01, without its doors."""
        first, second = credit(self.account, 5000), withdraw(self.account, 1200)
        self.assertEqual(posted(self.account), 3800)
        self.assertEqual([(t.kind, t.entries.count()) for t in (first, second)], [("credit", 2), ("withdrawal", 2)])
        for transaction in (first, second):
            sides = {entry.side: entry.amount for entry in transaction.entries.all()}
            self.assertEqual(sides["D"], sides["C"])
        events = read_stream(self.account.stream)
        self.assertEqual([event.name for event in events], ["ledger.account_opened"] + ["ledger.transaction_posted"] * 2)
        self.assertEqual([event.event for event in events[1:]], [first.posted, second.posted])
        self.account.refresh_from_db()
        self.assertEqual((self.account.version, self.account.state), (3, accounts.fold(event.event for event in events)))

    def test_the_bank_opens_itself_once_and_is_never_written_again(self):
        credit(self.account, 5000)
        bank = Account.objects.get(code=BANK)
        withdraw(self.account, 1200)
        self.assertEqual((bank.state, len(read_stream(bank.stream))), (Account.objects.get(code=BANK).state, 1))
        self.assertEqual((bank.posting_mode, bank.balance.posted), ("deferred", 3800))

    def test_a_refused_withdrawal_leaves_nothing_behind(self):
        with self.assertRaises(Refused) as caught:
            withdraw(self.account, 1, counterparty="bank:other:JPY")
        self.assertEqual(caught.exception.code, "insufficient_funds")
        self.assertEqual((Transaction.objects.count(), Account.objects.count(), len(read_stream(self.account.stream))), (0, 1, 1))

    def test_the_same_external_id_is_the_same_transaction_for_ever(self):
        """Scenario A13, without its doors."""
        told: dict[str, Any] = {
            "account_id": self.account.id,
            "amount": "1200",
            "currency": "JPY",
            "counterparty": BANK,
            "external_id": "E",
        }
        first, again = post(CreditFunds(**told)), post(CreditFunds(**told))
        self.assertEqual((again.transaction, first.fresh, again.fresh), (first.transaction, True, False))
        self.assertEqual((again.accounts, Transaction.objects.count()), (first.accounts, 1))
        with self.assertRaises(Refused) as caught:
            post(CreditFunds(**told | {"amount": "1300"}))
        self.assertEqual((caught.exception.code, caught.exception.facts["field"]), ("external_id_conflict", "amount"))
        self.assertEqual(posted(self.account), 1200)

    def test_amounts_of_thirty_digits_are_kept_digit_for_digit(self):
        """Scenario A17, without its doors."""
        for amount in ("9223372036854775808", "9" * 30):
            transaction = credit(self.account, amount)
            self.assertEqual({str(entry.amount) for entry in Transaction.objects.get(pk=transaction.pk).entries.all()}, {amount})
            self.assertEqual(transaction.posted.entries[0].amount, amount)
        self.assertEqual(posted(self.account), 9223372036854775808 + 10**30 - 1)

    def test_a_counter_that_would_overflow_refuses(self):
        Account.objects.filter(pk=self.account.pk).update(credits_posted=10**38 - 1)
        with self.assertRaises(Refused) as caught:
            credit(self.account, 1)
        self.assertEqual((caught.exception.code, caught.exception.status), ("amount_out_of_range", 422))

    def test_a_transfer_is_in_the_streams_of_both_customers(self):
        other = open_customer()
        credit(self.account, 1000)
        transaction = withdraw(self.account, 300, counterparty=other.code)
        self.assertEqual((posted(self.account), posted(other)), (700, 300))
        for account, name in ((self.account, "ledger.transaction_posted"), (other, "ledger.entry_posted")):
            events = read_stream(account.stream)
            self.assertEqual(events[-1].name, name)
            self.assertEqual(Account.objects.get(pk=account.pk).state, accounts.fold(event.event for event in events))
        self.assertEqual(transaction.posted, read_stream(self.account.stream)[-1].event)

    def test_a_transaction_between_deferred_accounts_has_a_stream_of_its_own(self):
        both: Any = ((BANK, "D"), ("psp:x:JPY:clearing", "C"))
        legs = [Leg(account=code, side=side, amount="90", currency="JPY") for code, side in both]
        transaction = post(PostTransaction(kind="settlement", entries=tuple(legs), external_id="payout-1")).transaction
        (envelope,) = read_stream(f"transaction-{transaction.transaction_id}")
        self.assertEqual(envelope.event, transaction)

    def test_a_four_legged_exchange_goes_through_the_liquidity_accounts(self):
        """Scenario A18."""
        euros = open_customer("EUR")
        credit(self.account, 1000)
        legs: Any = [
            (self.account.code, "D", "1000", "JPY"),
            ("fx:JPY:liquidity", "C", "1000", "JPY"),
            ("fx:EUR:liquidity", "D", "6", "EUR"),
            (euros.code, "C", "6", "EUR"),
        ]
        entries = tuple(Leg(account=code, side=side, amount=amount, currency=currency) for code, side, amount, currency in legs)
        with self.assertRaises(Refused) as caught:
            post(PostTransaction(kind="fx", entries=(entries[0], entries[3]), external_id="fx-1"))
        self.assertEqual(caught.exception.code, "unbalanced_entries")
        post(PostTransaction(kind="fx", entries=entries, external_id="fx-1"))
        self.assertEqual((posted(self.account), posted(euros)), (0, 6))
        liquidity = Account.objects.get(code="fx:EUR:liquidity")
        self.assertEqual((liquidity.balance.posted, liquidity.version), (-6, 2))
        with self.assertRaises(Refused) as caught:
            credit(euros, 5, currency="JPY")
        self.assertEqual(caught.exception.code, "currency_mismatch")

    def test_the_business_time_is_the_callers_and_the_recorded_time_the_databases(self):
        effective = datetime(2026, 10, 31, 15, tzinfo=UTC)
        transaction = credit(self.account, 5, effective_at=effective)
        self.assertEqual(transaction.effective_at, effective)
        self.account.refresh_from_db()
        self.assertEqual(self.account.recorded_at, transaction.recorded_at)
        event: Any = read_stream(self.account.stream)[-1].event
        self.assertEqual(event.recorded_at, transaction.recorded_at)

    def test_two_postings_in_one_unit_of_work(self):
        with unit_of_work() as work:
            credit(self.account, 500)
            withdraw(self.account, 200)
        self.assertEqual((posted(self.account), len(read_stream(self.account.stream))), (300, 3))
        self.assertIsNotNone(work.position)

    def test_a_system_account_that_somebody_opened_otherwise_meanwhile_is_a_race(self):
        open_account(OpenAccount(currency="JPY", code=BANK, posting_mode="locked"))
        with mock.patch.object(AccountQuerySet, "locked", return_value=[self.account]), self.assertRaises(StreamMoved):
            credit(self.account, 5)


class Recorded(TestCase):
    def test_entries_say_what_the_account_had_then(self):
        account = open_customer()
        for amount in (100, 20, 3):
            credit(account, amount)
        rows = Entry.objects.filter(account=account).order_by("account_version")
        self.assertEqual([(row.account_version, row.balance_after) for row in rows], [(2, 100), (3, 120), (4, 123)])
