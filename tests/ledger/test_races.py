"""Many at once, with real threads on real PostgreSQL: nothing is lost, nothing is spent twice, nobody waits in a circle."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection
from django.test import TransactionTestCase, tag

from eventstore.delivery import drain
from eventstore.errors import EventStoreError, Refused
from eventstore.log import current_position, read_stream, unit_of_work
from eventstore.projections import reset
from ledger.commands import CreditFunds, OpenAccount
from ledger.domain import accounts
from ledger.handlers import open_account, post
from ledger.models import Account, Balance, Entry, Transaction
from ledger.projections import balances
from tests.ledger.examples import BANK, credit, open_customer, posted, withdraw


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

    def test_one_code_opened_many_times_at_once_is_one_account(self):
        ended = at_once(6, lambda number: [outcome(open_account, OpenAccount(currency="JPY", code="customer:C1:JPY"))])
        self.assertEqual((ended, Account.objects.count()), ({"done": 6}, 1))
