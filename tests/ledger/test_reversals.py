"""Reversals: a transaction is taken back once at most, in parts or whole, and what took it back stays."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.test import TestCase
from msgspec.structs import replace

from eventstore.clock import new_id
from eventstore.errors import Refused
from eventstore.log import read_stream
from eventstore.messages import Envelope, reversal_of
from eventstore.testing import Story
from ledger.commands import Leg, PostTransaction, ReverseTransaction
from ledger.domain import accounts
from ledger.events import TransactionReversed
from ledger.handlers import end_hold, post, reverse
from ledger.models import Account, Transaction
from ledger.reversals import post_it_back, post_the_opposite, release
from tests.ledger.examples import ADA, BANK, credit, hold, open_customer, posted
from tests.ledger.test_domain import NOW, RefusalAssertions, bank_opened, credited_5000, opened, story, transfer, withdraw_1200
from tests.ledger.test_holds import HOLD, at, hold_700, post_all, rich, void

TYPO = UUID(int=11)  #: of credited_5000
take_back = ReverseTransaction(transaction_id=TYPO, reversal_id=UUID(int=70), reason_code="operator_error", reason="typed twice")


def part(number: int, amount: int) -> ReverseTransaction:
    return replace(take_back, reversal_id=UUID(int=70 + number), amount=str(amount))


def only_posted(told: Story) -> Any:
    """When the newest transaction takes effect."""
    return told.state.transactions[-1].effective_at


class Reversing(RefusalAssertions):
    def told(self) -> Story:
        return story(opened(), bank_opened, credited_5000)

    def test_the_whole_is_taken_back_by_a_transaction_with_its_sides_swapped(self):
        told = self.told().when(take_back)
        posted: Any = told.happened[0]
        told.then(
            posted,
            TransactionReversed(
                reversal_id=UUID(int=70),
                reverses_id=TYPO,
                scope="full",
                amount_by_currency={"JPY": "5000"},
                cumulative={"JPY": "5000"},
                remaining={"JPY": "0"},
                reason_code="operator_error",
                reason="typed twice",
                effective="now",
                recorded_at=NOW,
            ),
        )
        self.assertEqual((posted.kind, posted.reverses_id, posted.external_id), ("reversal", TYPO, f"reversal:{UUID(int=70)}"))
        self.assertEqual([(entry.side, entry.amount) for entry in posted.entries], [("D", "5000"), ("C", "5000")])
        self.assertEqual(told.state.accounts[ADA].posted, 0)

    def test_parts_are_taken_back_until_nothing_is_left(self):
        told = self.told().when(part(1, 3000))
        event: Any = told.happened[-1]
        self.assertEqual((event.scope, event.cumulative, event.remaining), ("partial", {"JPY": "3000"}, {"JPY": "2000"}))
        self.assertRefused("reversal_exceeds", told, part(2, 2001), remaining="2000", transaction_id=str(TYPO))
        told.when(take_back)
        event = told.happened[-1]
        self.assertEqual((event.scope, event.amount_by_currency, event.remaining), ("partial", {"JPY": "2000"}, {"JPY": "0"}))
        for command in (part(3, 1), replace(take_back, reversal_id=UUID(int=99))):
            self.assertRefused("already_reversed", told, command)

    def test_the_same_external_id_is_the_same_reversal_for_ever(self):
        command = replace(take_back, external_id="typo-1", amount="5")
        told = self.told().when(command)
        told.when(replace(command, reversal_id=UUID(int=99))).then()
        told.when(replace(command, amount=None)).then()
        for change in ({"amount": "6"}, {"reason": "another"}):
            (field,) = change
            self.assertRefused("external_id_conflict", told, replace(command, **change), field=field)  # type: ignore[arg-type]

    def test_a_reversal_is_not_reversed(self):
        told = self.told().when(part(1, 5))
        self.assertRefused("reversal_of_reversal", told, replace(take_back, transaction_id=UUID(int=71)))

    def test_money_that_was_spent_meanwhile_cannot_be_taken_back(self):
        self.assertRefused("insufficient_funds", self.told().when(withdraw_1200), take_back, available="3800")

    def test_it_takes_effect_now_or_when_the_original_did(self):
        told = at(self.told(), 86400)
        moments = [only_posted(told.when(replace(part(number, 5), effective=when))) for number, when in ((1, "now"), (2, "original"))]
        self.assertEqual(moments, [NOW + timedelta(days=1), NOW])

    def test_of_many_entries_one_amount_does_not_say_which(self):
        four = transfer(
            ("customer:C1:JPY", "D", 700, "JPY"),
            ("fx:JPY:liquidity", "C", 700, "JPY"),
            ("fx:EUR:liquidity", "D", 4, "EUR"),
            ("bank:main:EUR", "C", 4, "EUR"),
        )
        told = self.told().when(four)
        whole = replace(take_back, transaction_id=UUID(int=7))
        self.assertRefused("partial_of_many_entries", told, replace(whole, amount="4"))
        event: Any = told.when(whole).happened[-1]
        self.assertEqual((event.amount_by_currency, event.remaining), ({"JPY": "700", "EUR": "4"}, {"JPY": "0", "EUR": "0"}))
        self.assertEqual(told.state.accounts[ADA].posted, 5000)

    def test_what_is_not_there_or_is_a_hold_is_told_apart(self):
        self.assertEqual(self.assertRefused("transaction_not_found", self.told(), replace(take_back, transaction_id=HOLD)).status, 404)
        self.assertRefused("reversal_of_hold", rich().when(hold_700), replace(take_back, transaction_id=HOLD))

    def test_a_posted_hold_is_taken_back_like_any_transaction(self):
        told = rich().when(hold_700).when(post_all).when(replace(take_back, transaction_id=post_all.transaction_id))
        self.assertEqual((told.state.accounts[ADA].posted, told.state.accounts[ADA].pending_out), (5000, 0))
        self.assertRefused("hold_already_posted", told, void)


class Recorded(TestCase):
    def setUp(self):
        self.account = open_customer()
        self.typo = credit(self.account, 1000)

    def take_back(self, transaction: Transaction, **more: Any) -> Transaction:
        told: dict[str, Any] = {"transaction_id": transaction.pk, "reason_code": "duplicate", "reason": "typed twice"}
        return Transaction.objects.get(pk=reverse(ReverseTransaction(**told | more)).transaction.transaction_id)

    def test_a_reversal_is_a_transaction_and_the_story_of_the_one_it_takes_back(self):
        first, second = self.take_back(self.typo, amount="600"), self.take_back(self.typo)
        self.assertEqual((posted(self.account), first.reverses, second.kind), (0, self.typo, "reversal"))
        told = [envelope.event for envelope in read_stream(f"transaction-{self.typo.pk}")]
        self.assertEqual([event.remaining for event in told], [{"JPY": "400"}, {"JPY": "0"}])
        stream = read_stream(self.account.stream)
        self.assertEqual([envelope.event for envelope in stream[2:]], [first.posted, second.posted])
        self.assertEqual(Account.objects.get(pk=self.account.pk).state, accounts.fold(envelope.event for envelope in stream))

    def test_between_deferred_accounts_it_follows_the_transaction_in_its_stream(self):
        legs: Any = ((BANK, "D"), ("psp:x:JPY:clearing", "C"))
        entries = tuple(Leg(account=code, side=side, amount="90", currency="JPY") for code, side in legs)
        payout = post(PostTransaction(kind="settlement", entries=entries, external_id="payout-1")).transaction
        row = Transaction.objects.get(pk=payout.transaction_id)
        back = self.take_back(row)
        names = [envelope.name for envelope in read_stream(f"transaction-{row.pk}")]
        self.assertEqual(names, ["ledger.transaction_posted", "ledger.transaction_reversed"])
        self.assertEqual([envelope.event for envelope in read_stream(f"transaction-{back.pk}")], [back.posted])
        self.assertEqual(Account.objects.get(code=BANK).balance.posted, 1000)

    def test_the_same_again_is_the_same_reversal(self):
        told: dict[str, Any] = {"transaction_id": self.typo.pk, "reason_code": "duplicate", "reason": "?", "external_id": "typo-1"}
        first, again = reverse(ReverseTransaction(amount="1", **told)), reverse(ReverseTransaction(amount="1", **told))
        self.assertEqual((first.transaction, first.fresh, again.fresh), (again.transaction, True, False))
        self.assertEqual((first.remaining, again.remaining), ({"JPY": "999"}, {"JPY": "999"}))

    def test_what_is_not_there_is_not_found(self):
        for transaction_id, code in ((new_id(), "transaction_not_found"), (hold(self.account, 5).pk, "reversal_of_hold")):
            with self.assertRaises(Refused) as caught:
                reverse(ReverseTransaction(transaction_id=transaction_id, reason_code="duplicate", reason="?"))
            self.assertEqual(caught.exception.code, code)


class Undoing(TestCase):
    """How events of the ledger are undone."""

    def setUp(self):
        self.account = open_customer()

    def newest(self, stream: str) -> Envelope:
        return read_stream(stream)[-1]

    def test_a_transaction_is_undone_once_however_often_it_is_asked(self):
        credit(self.account, 1000)
        envelope = self.newest(self.account.stream)
        for _ in range(2):
            reverse(post_the_opposite(envelope.event, envelope, "typed twice"))
        self.assertEqual((posted(self.account), Transaction.objects.count()), (0, 2))

    def test_a_hold_is_released_and_a_posted_one_is_posted_back(self):
        credit(self.account, 1000)
        row = hold(self.account, 400)
        envelope = self.newest(row.stream)
        self.assertEqual(end_hold(release(envelope.event, envelope, "late")).hold.state, "voided")
        row = hold(self.account, 400)
        end_hold(replace(post_all, hold_id=row.pk))
        envelope = self.newest(row.stream)
        reverse(post_it_back(envelope.event, envelope, "late"))
        self.assertEqual(posted(self.account), 1000)

    def test_what_was_posted_stands_in_the_way_of_releasing_it(self):
        told: Any = reversal_of("ledger.hold_placed")
        self.assertEqual(told.blocked_by, {"ledger.hold_posted"})
