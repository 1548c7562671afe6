"""What holds leave behind: rows that are the fold of their streams, money that comes free in time, and a ledger that proves itself."""

from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest import mock

import msgspec
from django.db import connection
from django.test import TestCase
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyTestCase

from config.celery import TIMETABLE
from eventstore.clock import new_id
from eventstore.errors import Refused
from eventstore.log import read_stream
from eventstore.messages import command_name, decode_command, dispatch
from eventstore.testing import deliver_everything
from ledger.commands import ExpireHold, PlaceHold, PostHold, ReverseTransaction, VoidHold
from ledger.domain import accounts, holds
from ledger.handlers import end_hold, expire_due, place_hold, reverse
from ledger.handlers import holds as hold_handlers
from ledger.models import Account, Balance, Hold, OpenHold, Transaction
from ledger.tasks import expire_holds
from tests.ledger.examples import BANK, credit, hold, open_customer, posted, withdraw
from tests.ledger.test_projections import Comparing

UNEARNED = "unearned:JPY"


class Holding(TestCase):
    def setUp(self):
        self.account = open_customer()
        credit(self.account, 1000)

    def assert_rows_are_their_streams(self):
        for account in Account.objects.filter(posting_mode="locked"):
            self.assertEqual(account.state, accounts.fold(envelope.event for envelope in read_stream(account.stream)))
        for row in Hold.objects.all():
            self.assertEqual(row.told, holds.fold(envelope.event for envelope in read_stream(row.stream)))

    def funds(self) -> tuple[int, int, int | None]:
        state = Account.objects.get(pk=self.account.pk).state
        return state.posted, state.pending_out, state.available

    def test_a_hold_is_a_row_a_stream_and_an_event_in_its_accounts_stream(self):
        row = hold(self.account, 700, ttl_seconds=60)
        self.assertEqual([envelope.name for envelope in read_stream(row.stream)], ["ledger.hold_placed"])
        self.assertEqual(read_stream(self.account.stream)[-1].name, "ledger.entry_held")
        self.assertEqual((self.funds(), row.expires_at), ((1000, 700, 300), row.placed_at + timedelta(seconds=60)))
        self.assertEqual(Account.objects.get(code=UNEARNED).balance.pending_in, 700)
        self.assert_rows_are_their_streams()

    def test_a_part_is_posted_and_the_rest_comes_free(self):
        row = hold(self.account, 700)
        receipt = end_hold(PostHold(hold_id=row.pk, amount="400"))
        self.assertEqual((receipt.hold.state, int(receipt.hold.released_amount), self.funds()), ("posted", 300, (600, 0, 600)))
        transaction = Transaction.objects.get(pk=receipt.hold.transaction_id)
        self.assertEqual((transaction.hold_id, transaction.kind, transaction.external_id), (row.pk, "transfer", f"hold:{row.pk}"))
        self.assertEqual(read_stream(self.account.stream)[-1].event, transaction.posted)
        self.assertEqual([envelope.name for envelope in read_stream(row.stream)], ["ledger.hold_placed", "ledger.hold_posted"])
        self.assertEqual(Account.objects.get(code=UNEARNED).balance.posted, 400)
        self.assert_rows_are_their_streams()

    def test_between_two_customers_both_hear_of_it(self):
        other = open_customer()
        row = hold(self.account, 700, credit_account=str(other.pk))
        self.assertEqual(read_stream(other.stream)[-1].name, "ledger.entry_held")
        end_hold(VoidHold(hold_id=row.pk, reason="late"))
        again = hold(self.account, 500, credit_account=other.code)
        end_hold(PostHold(hold_id=again.pk))
        self.assertEqual((posted(self.account), posted(other)), (500, 500))
        self.assert_rows_are_their_streams()

    def test_between_deferred_accounts_nobody_waits_and_nothing_is_counted_twice(self):
        row = hold(self.account, 700, debit_account=BANK)
        self.assertEqual(Account.objects.get(code=BANK).balance.debits_pending, 700)
        receipt = end_hold(PostHold(hold_id=row.pk))
        (envelope,) = read_stream(f"transaction-{receipt.hold.transaction_id}")
        self.assertEqual(Account.objects.get(code=BANK).balance.debits_pending, 0)
        self.assertEqual(envelope.name, "ledger.transaction_posted")
        self.assert_rows_are_their_streams()

    def test_what_was_pending_in_a_deferred_account_is_known_as_of_any_time(self):
        row = hold(self.account, 700)
        ended = end_hold(PostHold(hold_id=row.pk, amount="400")).hold
        unearned = Account.objects.get(code=UNEARNED)
        instant = timedelta(microseconds=1)
        moments = (row.placed_at - instant, row.placed_at, ended.ended_at - instant, ended.ended_at)
        then = [unearned.balance_until(at) for at in moments]
        self.assertEqual([(state.pending_in, state.posted) for state in then], [(0, 0), (700, 0), (700, 0), (0, 400)])

    def test_a_refused_hold_leaves_nothing_behind(self):
        with self.assertRaises(Refused):
            hold(self.account, 1001)
        self.assertEqual((Hold.objects.count(), Account.objects.filter(code=UNEARNED).exists(), self.funds()), (0, False, (1000, 0, 1000)))

    def test_the_same_again_is_the_same_hold(self):
        told: dict[str, Any] = {"debit_account": self.account.code, "credit_account": UNEARNED, "amount": "5", "currency": "JPY"}
        first, again = (place_hold(PlaceHold(external_id="E", purpose="deposit", **told)) for _ in range(2))
        self.assertEqual((first.hold, first.fresh, again.fresh), (again.hold, True, False))
        for command in (VoidHold(hold_id=first.hold.pk, reason="x"), VoidHold(hold_id=first.hold.pk, reason="y")):
            ended = end_hold(command)
        self.assertEqual((ended.fresh, ended.hold.reason, ended.hold.version), (False, "x", 2))

    def test_sagas_reach_every_command_by_its_name(self):
        def send(command: Any) -> Any:
            return dispatch(decode_command(command_name(type(command)), msgspec.to_builtins(command)))

        told: dict[str, Any] = {"credit_account": UNEARNED, "amount": "100", "currency": "JPY", "purpose": "order_payment"}
        ids = [new_id() for _ in range(2)]
        for hold_id in ids:
            send(PlaceHold(hold_id=hold_id, external_id=f"order-{hold_id}", debit_account=str(self.account.pk), **told))
        self.assertEqual(send(VoidHold(hold_id=ids[0], reason="cancelled")).hold.state, "voided")
        self.assertEqual(send(ExpireHold(hold_id=ids[0])).fresh, False)
        ended = send(PostHold(hold_id=ids[1])).hold
        back = send(ReverseTransaction(transaction_id=ended.transaction_id, reason_code="operator_error", reason="typed twice"))
        self.assertEqual((back.transaction.reverses_id, self.funds()), (ended.transaction_id, (1000, 0, 1000)))
        self.assert_rows_are_their_streams()


class Expiring(TestCase):
    def setUp(self):
        self.account = open_customer()
        credit(self.account, 1000)

    def overdue(self, amount: int = 100) -> Hold:
        """A hold whose time is over, by the clock of the database that its own time was taken from."""
        row = hold(self.account, amount, ttl_seconds=1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(greatest(0, extract(epoch FROM %s - clock_timestamp())))", [row.expires_at])
        return row

    def test_holds_whose_time_is_over_come_free_once(self):
        """Scenario A09."""
        lasting, row = hold(self.account, 100, ttl_seconds=3600), self.overdue()
        with self.assertRaises(Refused) as caught:
            end_hold(PostHold(hold_id=row.pk))
        self.assertEqual(caught.exception.code, "hold_expired")
        expire_holds()
        self.assertEqual(expire_due(), 0, "once in effect")
        row.refresh_from_db()
        self.assertEqual((row.state, Hold.objects.get(pk=lasting.pk).state), ("expired", "pending"))
        self.assertEqual([envelope.name for envelope in read_stream(row.stream)], ["ledger.hold_placed", "ledger.hold_expired"])
        self.assertEqual(read_stream(row.stream)[-1].actor, "system:ledger.expire_holds")
        self.assertEqual(Account.objects.get(pk=self.account.pk).state.available, 900)

    def test_one_that_cannot_expire_keeps_nobody_waiting(self):
        rows = [self.overdue(), self.overdue()]
        carry_out = hold_handlers.end_hold

        def stumble(command: ExpireHold) -> Any:
            if command.hold_id == rows[0].pk:
                raise RuntimeError("broken")
            return carry_out(command)

        with mock.patch.object(hold_handlers, "end_hold", stumble), self.assertLogs("ledger.handlers.holds", "ERROR"):
            self.assertEqual(expire_due(), 1)
        self.assertEqual(expire_due(), 1)

    def test_beat_sends_it(self):
        self.assertEqual(TIMETABLE[expire_holds.name], 1.0)


class ReadTables(Comparing):
    def test_balances_and_open_holds_follow(self):
        account, other = open_customer(), open_customer()
        credit(account, 1000)
        rows = [hold(account, amount) for amount in (100, 200, 300)]
        last = hold(account, 50, credit_account=other.code)
        deliver_everything()
        self.assertSameAsWritten()
        self.assertEqual(Balance.objects.get(code=UNEARNED).pending_in, 600)
        self.assertEqual(set(OpenHold.objects.values_list("hold_id", flat=True)), {row.pk for row in [*rows, last]})
        end_hold(PostHold(hold_id=rows[0].pk, amount="60"))
        end_hold(VoidHold(hold_id=rows[1].pk, reason="late"))
        end_hold(PostHold(hold_id=last.pk))
        deliver_everything()
        self.assertSameAsWritten()
        (open_now,) = OpenHold.objects.all()
        self.assertEqual((open_now.hold_id, open_now.debit_account, open_now.credit_account), (rows[2].pk, account.code, UNEARNED))


steps = st.lists(
    st.tuples(st.sampled_from(["credit", "withdraw", "hold", "post", "part", "void", "reverse", "deliver"]), st.integers(0, 9)), max_size=20
)


class AnyHistory(PropertyTestCase, Comparing):
    @settings(max_examples=15, deadline=None)
    @given(steps)
    def test_counters_are_sums_and_read_tables_are_right_after_any_history(self, steps):
        customers = [open_customer(), open_customer(credit_limit="500")]
        for what, number in steps:
            account, amount = customers[number % 2], 100 * number + 7
            pending = Hold.objects.order_by("pk")[number : number + 1]
            with suppress(Refused):
                if what == "credit":
                    credit(account, amount)
                elif what == "withdraw":
                    withdraw(account, amount, counterparty=customers[1 - number % 2].code)
                elif what == "hold":
                    hold(account, amount, credit_account=[UNEARNED, customers[1 - number % 2].code][number % 3 == 0])
                elif what == "deliver":
                    deliver_everything()
                elif what == "reverse":
                    for transaction in Transaction.objects.order_by("pk")[number : number + 1]:
                        part = str(amount) if number % 3 else None
                        reverse(ReverseTransaction(transaction_id=transaction.pk, amount=part, reason_code="duplicate", reason="?"))
                for row in pending:
                    if what in ("post", "part"):
                        end_hold(PostHold(hold_id=row.pk, amount=str(amount) if what == "part" else None))
                    elif what == "void":
                        end_hold(VoidHold(hold_id=row.pk, reason="?"))
        deliver_everything()
        for account in Account.objects.filter(posting_mode="locked"):
            state, out = account.state, Hold.objects.pending().filter(debit_account=account)
            self.assertEqual(state, accounts.fold(envelope.event for envelope in read_stream(account.stream)))
            self.assertEqual(state.debits_pending, sum(int(row.amount) for row in out))
            self.assertGreaterEqual(state.available or 0, 0)
        self.assertEqual(set(OpenHold.objects.values_list("hold_id", flat=True)), set(Hold.objects.pending().values_list("pk", flat=True)))
        self.assertSameAsWritten()
