"""Many at once, with real threads on real PostgreSQL: nothing is lost, nothing is spent twice, nobody waits in a circle."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection
from django.test import TransactionTestCase, tag
from msgspec.structs import replace

from eventstore.clock import new_id
from eventstore.delivery import drain
from eventstore.errors import EventStoreError, Refused
from eventstore.log import current_position, read_stream, unit_of_work
from eventstore.projections import reset
from ledger.commands import CreditFunds, OpenAccount, PostHold, ReverseTransaction, VoidHold
from ledger.domain import accounts
from ledger.handlers import end_hold, expire_due, open_account, post, reverse
from ledger.models import Account, Balance, Entry, Hold, Transaction
from ledger.projections import balances
from ledger.proof import prove
from tests.ledger.examples import BANK, credit, hold, open_customer, posted, withdraw


def at_once(threads: int, work: Callable[[int], Any]) -> Counter[str]:
    """Run `work(number)` in so many threads, all let go together; count how they ended."""
    ended: Counter[str] = Counter()
    gate = threading.Barrier(threads)

    def run(number: int) -> None:
        try:
            gate.wait()
            for outcome in work(number):
                ended[outcome] += 1
        finally:
            connection.close()

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return ended


def outcome(act: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    try:
        act(*arguments, **more)
    except Refused as refused:
        return refused.code
    except (EventStoreError, OperationalError) as error:
        return type(error).__name__
    return "done"


@tag("slow")
class Races(TransactionTestCase):
    def assertProved(self, account: Account) -> None:
        account.refresh_from_db()
        events = read_stream(account.stream)
        self.assertEqual(account.state, accounts.fold(envelope.event for envelope in events))
        times = list(Entry.objects.filter(account=account).order_by("account_version").values_list("transaction__recorded_at", flat=True))
        self.assertEqual(times, sorted(set(times)), "recorded_at must rise with the account's version")
        versions = list(Entry.objects.filter(account=account).order_by("account_version").values_list("account_version", flat=True))
        self.assertEqual(versions, list(range(2, len(versions) + 2)))

    def test_four_hundred_withdrawals_of_seven_from_a_thousand(self):
        """Scenario A02."""
        account = open_customer()
        credit(account, 1000)
        ended = at_once(16, lambda number: [outcome(withdraw, account, 7) for _ in range(25)])
        self.assertEqual(ended, {"done": 142, "insufficient_funds": 258})
        self.assertEqual(posted(account), 6)
        self.assertProved(account)

    def test_transfers_both_ways_never_wait_in_a_circle(self):
        """Scenario A03."""
        one, two = open_customer(), open_customer()
        for account in (one, two):
            credit(account, 100_000)

        def transfer(number: int) -> list[str]:
            giver, taker = (one, two) if number % 2 else (two, one)
            return [outcome(withdraw, giver, amount, counterparty=taker.code) for amount in range(1, 151)]

        self.assertEqual(at_once(8, transfer), {"done": 1200})
        self.assertEqual(posted(one) + posted(two), 200_000)
        for account in (one, two):
            self.assertProved(account)

    def test_everybody_uses_a_new_bank_first(self):
        customers = [open_customer() for _ in range(8)]
        ended = at_once(8, lambda number: [outcome(credit, customers[number], 5) for _ in range(3)])
        self.assertEqual(ended, {"done": 24})
        bank = Account.objects.get(code=BANK)
        self.assertEqual((bank.balance.posted, len(read_stream(bank.stream))), (120, 1))

    def test_nobody_waits_for_the_bank(self):
        one, two = open_customer(), open_customer()
        credit(one, 1)
        released, holding = threading.Event(), threading.Event()

        def hold() -> None:
            with unit_of_work():
                credit(one, 1)
                holding.set()
                released.wait(10)
            connection.close()

        holder = threading.Thread(target=hold)
        holder.start()
        holding.wait(10)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '500ms'")
            self.assertEqual(outcome(credit, two, 1), "done")
            self.assertEqual(outcome(credit, one, 1), "OperationalError")
        finally:
            released.set()
            holder.join()
            connection.close()

    def test_the_balance_of_the_bank_is_right_however_many_workers_fold_it(self):
        for _ in range(40):
            credit(open_customer(), 1)
        partitions = list(current_position().heads)
        for _ in range(5):
            reset(balances)
            ended = at_once(4, lambda number: [str(drain(balances, partition) > 0) for partition in partitions[number::4]])
            self.assertGreater(ended["True"], 3)
            self.assertEqual(Balance.objects.get(code=BANK).posted, 40)

    def test_one_external_id_many_times_at_once_is_one_transaction(self):
        account = open_customer()
        told: dict[str, Any] = {"account_id": account.id, "amount": "5", "currency": "JPY", "counterparty": BANK, "external_id": "E"}
        ended = at_once(6, lambda number: [outcome(post, CreditFunds(**told))])
        self.assertEqual((ended, Transaction.objects.count(), posted(account)), ({"done": 6}, 1, 5))

    def test_one_external_id_for_two_customers_at_once_is_one_transaction(self):
        customers = [open_customer() for _ in range(4)]
        ended = at_once(4, lambda number: [outcome(credit, customers[number], 5, external_id="E")])
        self.assertEqual((ended["done"], Transaction.objects.count()), (1, 1))
        self.assertLessEqual(set(ended), {"done", "StreamMoved", "external_id_conflict"})

    def test_eight_that_post_or_void_one_hold_at_once_end_it_once(self):
        """Scenario A10."""
        account = open_customer()
        credit(account, 1000)
        for _ in range(5):
            row = hold(account, 100)

            def end(number: int, hold_id: Any = row.pk) -> list[str]:
                post = PostHold(hold_id=hold_id, amount=str(50 + number))
                return [outcome(end_hold, VoidHold(hold_id=hold_id, reason="?") if number % 2 else post)]

            ended = at_once(8, end)
            row.refresh_from_db()
            self.assertEqual([envelope.version for envelope in read_stream(row.stream)], [1, 2], "exactly one end")
            if row.state == "voided":
                self.assertEqual(ended, {"done": 4, "hold_already_voided": 4})
            else:
                self.assertEqual(ended, {"done": 1, "hold_already_posted": 7})
            self.assertEqual(Transaction.objects.filter(hold=row).count(), row.state == "posted")
        account.refresh_from_db()
        self.assertEqual(account.state, accounts.fold(envelope.event for envelope in read_stream(account.stream)))
        self.assertEqual(list(prove()), [])

    def test_between_deferred_accounts_the_row_of_the_hold_keeps_the_order(self):
        row = hold(open_customer(), 100, debit_account=BANK)
        ended = at_once(8, lambda number: [outcome(end_hold, PostHold(hold_id=row.pk, amount=str(50 + number)))])
        self.assertEqual(ended, {"done": 1, "hold_already_posted": 7})

    def test_two_holds_of_six_hundred_on_a_limit_of_a_thousand(self):
        """Scenario A04."""
        for _ in range(20):
            account = open_customer(credit_limit="1000")
            ended = at_once(2, lambda number, account=account: [outcome(hold, account, 600)])
            self.assertEqual(ended, {"done": 1, "credit_limit_exceeded": 1})

    def test_one_external_id_many_times_at_once_is_one_hold(self):
        account = open_customer()
        credit(account, 1000)
        ended = at_once(6, lambda number: [outcome(hold, account, 100, external_id="E")])
        self.assertEqual((ended, Hold.objects.count()), ({"done": 6}, 1))
        other = open_customer(credit_limit="1000")
        ended = at_once(4, lambda number: [outcome(hold, [account, other][number % 2], 100, external_id="F")])
        self.assertEqual(Hold.objects.count(), 2)
        self.assertLessEqual(set(ended), {"done", "StreamMoved", "external_id_conflict"})

    def test_ten_reversals_of_three_hundred_of_a_thousand(self):
        account = open_customer()
        typo = credit(account, 1000)
        credit(account, 10_000)
        command = ReverseTransaction(transaction_id=typo.pk, amount="300", reason_code="duplicate", reason="?")
        ended = at_once(10, lambda number: [outcome(reverse, replace(command, reversal_id=new_id()))])
        self.assertEqual(ended, {"done": 3, "reversal_exceeds": 7})
        self.assertEqual((posted(account), [e.version for e in read_stream(f"transaction-{typo.pk}")]), (10_100, [1, 2, 3]))

    def test_several_sweeps_at_once_expire_a_hold_once(self):
        account = open_customer()
        credit(account, 1000)
        rows = [hold(account, 10, ttl_seconds=1) for _ in range(10)]
        time.sleep(1.1)
        ended = at_once(4, lambda number: [f"{expire_due()} released"])
        self.assertEqual(sum(int(told.split()[0]) * count for told, count in ended.items()), 10)
        self.assertEqual({len(read_stream(row.stream)) for row in rows}, {2})

    def test_one_code_opened_many_times_at_once_is_one_account(self):
        ended = at_once(6, lambda number: [outcome(open_account, OpenAccount(currency="JPY", code="customer:C1:JPY"))])
        self.assertEqual((ended, Account.objects.count()), ({"done": 6}, 1))
