"""Holds, told as stories: money that is kept ready is nobody else's, and ends in one way only. No database, no clock."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.test import SimpleTestCase
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventstore.errors import Refused
from eventstore.messages import decode_event, encode, name_of
from eventstore.testing import Story
from ledger.commands import CreditFunds, ExpireHold, PlaceHold, PostHold, VoidHold
from ledger.domain import Books, accounts, decide, evolve, holds
from ledger.domain.chart import opens_itself
from ledger.events import Entry, EntryHeld, EntryPosted, EntryReleased, HoldExpired, HoldPlaced, HoldPosted, HoldVoided
from tests.ledger.examples import ADA, BANK, BOB
from tests.ledger.test_domain import NOW, RefusalAssertions, bank_opened, credit_5000, credited_5000, only, opened, story, withdraw_1200

HOLD, POSTING = UUID(int=50), UUID(int=51)
UNEARNED = "unearned:JPY"
unearned_opened: Any = opens_itself(UNEARNED)

hold_700 = PlaceHold(
    hold_id=HOLD,
    debit_account="customer:C1:JPY",
    credit_account=UNEARNED,
    amount="700",
    currency="JPY",
    external_id="order-1",
    purpose="order_payment",
    ttl_seconds=60,
)
post_all = PostHold(hold_id=HOLD, transaction_id=POSTING)
void = VoidHold(hold_id=HOLD, reason="changed my mind")
expire = ExpireHold(hold_id=HOLD)


def at(told: Story, seconds: int) -> Story:
    """The same story so many seconds later."""
    return Story(decide, evolve, replace(told.state, at=told.state.at + timedelta(seconds=seconds)))


def rich(*events: Any) -> Story:
    """Ada has 5000."""
    return story(opened(), bank_opened, credited_5000, unearned_opened, *events)


def figures(told: Story, account_id: UUID = ADA) -> tuple[int, int, int | None]:
    account = told.state.accounts[account_id]
    return account.posted, account.pending_out, account.available


class Placing(RefusalAssertions):
    def test_held_money_is_still_there_and_no_longer_available(self):
        told = rich().when(hold_700)
        own = Entry(
            account_id=ADA, account_code="customer:C1:JPY", side="D", amount="700", currency="JPY", account_version=3, balance_after="5000"
        )
        other = Entry(account_id=unearned_opened.account_id, account_code=UNEARNED, side="C", amount="700", currency="JPY")
        told.then(
            HoldPlaced(
                hold_id=HOLD,
                external_id="order-1",
                purpose="order_payment",
                debit_account_id=ADA,
                credit_account_id=unearned_opened.account_id,
                amount="700",
                currency="JPY",
                expires_at=NOW + timedelta(seconds=60),
                recorded_at=NOW,
                entries=(own, other),
            ),
            EntryHeld(
                hold_id=HOLD,
                external_id="order-1",
                purpose="order_payment",
                expires_at=NOW + timedelta(seconds=60),
                recorded_at=NOW,
                entry=own,
            ),
        )
        self.assertEqual(figures(told), (5000, 700, 4300))

    def test_a_system_account_opens_itself_and_an_account_may_be_named_by_its_id(self):
        told = story(opened(), bank_opened, credited_5000).when(replace(hold_700, debit_account=str(ADA)))
        self.assertEqual([type(event).__name__ for event in told.happened], ["AccountOpened", "HoldPlaced", "EntryHeld"])
        self.assertEqual(told.happened[0], unearned_opened)

    def test_pending_money_counts_against_the_limit(self):
        """Scenario A08, in small: what is held can be neither held again nor withdrawn."""
        told = rich().when(replace(hold_700, amount="4000"))
        other = replace(hold_700, hold_id=UUID(int=60), external_id="order-2")
        self.assertRefused("insufficient_funds", told, replace(other, amount="1001"), available="1000", requested="1001")
        self.assertRefused("insufficient_funds", told, withdraw_1200, available="1000")
        told.when(replace(other, amount="1000"))
        self.assertEqual(figures(told), (5000, 5000, 0))

    def test_a_credit_limit_is_held_too(self):
        told = story(opened(credit_limit="1000"), unearned_opened).when(replace(hold_700, amount="600"))
        again = replace(hold_700, hold_id=UUID(int=60), external_id="order-2", amount="600")
        self.assertRefused("credit_limit_exceeded", told, again, available="400")

    def test_money_that_is_to_come_in_is_not_available_yet(self):
        told = rich(opened(BOB)).when(replace(hold_700, credit_account="customer:C2:JPY"))
        bob = told.state.accounts[BOB]
        self.assertEqual((bob.posted, bob.pending_in, bob.available), (0, 700, 0))
        self.assertEqual([type(event).__name__ for event in told.happened], ["HoldPlaced", "EntryHeld", "EntryHeld"])

    def test_without_a_time_to_live_it_waits_for_ever(self):
        told = rich().when(replace(hold_700, ttl_seconds=None))
        self.assertIsNone(told.state.holds[0].expires_at)
        self.assertRefused("hold_not_due", at(told, 10**9), expire)

    def test_the_same_external_id_is_the_same_hold_for_ever(self):
        told = rich().when(hold_700).when(replace(hold_700, hold_id=UUID(int=99), debit_account=str(ADA))).then()
        told.when(void).when(hold_700).then()

    def test_other_content_is_a_conflict_that_names_the_first_field(self):
        told = rich(opened(BOB)).when(hold_700)
        changes: dict[str, dict[str, Any]] = {
            "external_id": {"external_id": "order-2"},
            "debit_account": {"debit_account": "customer:C2:JPY"},
            "credit_account": {"credit_account": "revenue:sales:JPY"},
            "amount": {"amount": "701"},
            "purpose": {"purpose": "deposit"},
            "ttl_seconds": {"ttl_seconds": 61},
        }
        for field, change in changes.items():
            with self.subTest(field):
                refused = self.assertRefused("external_id_conflict", told, replace(hold_700, **change), field=field, hold_id=str(HOLD))
                self.assertEqual(refused.status, 409)

    def test_what_cannot_be_posted_cannot_be_held(self):
        self.assertRefused("account_not_found", rich(), replace(hold_700, debit_account="customer:C9:JPY"))
        self.assertRefused("account_not_found", rich(), replace(hold_700, debit_account=str(UUID(int=9))))
        self.assertRefused("currency_mismatch", rich(), replace(hold_700, credit_account="unearned:EUR"))
        self.assertRefused("currency_mismatch", rich(), replace(hold_700, currency="EUR"))
        self.assertRefused("same_account", rich(), replace(hold_700, credit_account=str(ADA)))
        self.assertRefused("amount_not_positive", rich(), replace(hold_700, amount="0"))


class PostingHolds(RefusalAssertions):
    def test_all_of_it_is_posted(self):
        told = rich().when(hold_700).when(post_all)
        transaction: Any = told.happened[0]
        told.then(
            transaction,
            HoldPosted(
                hold_id=HOLD,
                external_id="order-1",
                transaction_id=POSTING,
                posted_amount="700",
                released_amount="0",
                currency="JPY",
                recorded_at=NOW,
            ),
        )
        self.assertEqual((transaction.transaction_id, transaction.hold_id, transaction.unheld), (POSTING, HOLD, "700"))
        self.assertEqual([(e.side, e.amount, e.balance_after) for e in transaction.entries], [("D", "700", "4300"), ("C", "700", None)])
        self.assertEqual(figures(told), (4300, 0, 4300))

    def test_a_part_is_posted_and_the_rest_is_released(self):
        """Scenario A07."""
        told = story(opened(), bank_opened, unearned_opened).when(replace(credit_5000, amount="1000")).when(hold_700)
        told.when(replace(post_all, amount="400"))
        event: Any = told.happened[-1]
        self.assertEqual((event.posted_amount, event.released_amount, figures(told)), ("400", "300", (600, 0, 600)))
        self.assertRefused("hold_already_posted", told, replace(post_all, amount="300"), transaction_id=str(POSTING))
        self.assertRefused("hold_already_posted", told, post_all, transaction_id=str(POSTING))
        self.assertRefused("hold_already_posted", told, void, transaction_id=str(POSTING))

    def test_posting_the_same_again_changes_nothing(self):
        rich().when(hold_700).when(post_all).when(replace(post_all, transaction_id=UUID(int=99))).then()

    def test_both_customers_are_told(self):
        told = rich(opened(BOB)).when(replace(hold_700, credit_account="customer:C2:JPY")).when(replace(post_all, amount="400"))
        echo: Any = told.happened[1]
        self.assertIsInstance(echo, EntryPosted)
        self.assertEqual((echo.entry.balance_after, echo.unheld), ("400", "700"))
        bob = told.state.accounts[BOB]
        self.assertEqual((figures(told), bob.posted, bob.pending_in), ((4600, 0, 4600), 400, 0))

    def test_no_more_is_posted_than_was_held(self):
        told = rich().when(hold_700)
        refused = self.assertRefused("exceeds_hold", told, replace(post_all, amount="701"), held="700", requested="701")
        self.assertEqual(refused.status, 422)

    def test_what_was_held_is_posted_though_the_account_is_over_its_limit_now(self):
        told = rich().when(replace(hold_700, amount="5000"))
        lowered = replace(told.state.accounts[ADA], credit_limit=-1000)
        told = Story(decide, evolve, replace(told.state, accounts=told.state.accounts | {ADA: lowered})).when(post_all)
        self.assertEqual(figures(told), (0, 0, -1000))

    def test_after_its_time_it_is_not_posted_whether_anybody_noticed_or_not(self):
        """Scenario A09."""
        told = at(rich().when(hold_700), 60)
        self.assertRefused("hold_expired", told, post_all)
        self.assertRefused("hold_expired", told.when(expire), post_all)
        at(rich().when(hold_700), 59).when(post_all)

    def test_a_hold_that_was_never_placed_is_not_found(self):
        for command in (post_all, void, expire):
            refused = self.assertRefused("hold_not_found", rich(), command, hold_id=str(HOLD))
            self.assertEqual(refused.status, 404)

    def test_a_transaction_that_has_its_id_already_is_a_conflict(self):
        told = rich().when(hold_700)
        self.assertRefused("external_id_conflict", told, replace(post_all, transaction_id=UUID(int=11)), transaction_id=str(UUID(int=11)))
        told.when(replace(credit_5000, transaction_id=UUID(int=98), external_id=f"hold:{HOLD}"))
        self.assertRefused("external_id_conflict", told, post_all)


class Releasing(RefusalAssertions):
    def test_a_voided_hold_is_available_again(self):
        told = rich().when(hold_700).when(void)
        voided, echo = told.happened
        assert isinstance(voided, HoldVoided)
        assert isinstance(echo, EntryReleased)
        self.assertEqual((voided.released_amount, voided.reason, echo.entry.account_version), ("700", "changed my mind", 4))
        self.assertEqual(figures(told), (5000, 0, 5000))

    def test_voiding_what_is_free_already_changes_nothing(self):
        rich().when(hold_700).when(void).when(replace(void, reason="another")).then()
        at(rich().when(hold_700), 60).when(expire).when(void).then()

    def test_a_voided_hold_is_not_posted(self):
        self.assertRefused("hold_already_voided", rich().when(hold_700).when(void), post_all)

    def test_it_can_be_voided_after_its_time_until_somebody_notices(self):
        event = at(rich().when(hold_700), 3600).when(void).happened[0]
        self.assertIsInstance(event, HoldVoided)

    def test_a_hold_expires_when_its_time_is_over_and_not_before(self):
        told = rich().when(hold_700)
        self.assertRefused("hold_not_due", at(told, 59), expire)
        told = at(told, 60).when(expire)
        expired, echo = told.happened
        assert isinstance(expired, HoldExpired)
        assert isinstance(echo, EntryReleased)
        self.assertEqual((expired.released_amount, figures(told)), ("700", (5000, 0, 5000)))

    def test_what_has_ended_does_not_expire(self):
        for end in (post_all, void):
            at(rich().when(hold_700).when(end), 3600).when(expire).then()
        at(rich().when(hold_700), 60).when(expire).when(expire).then()


class Deferred(RefusalAssertions):
    def test_between_deferred_accounts_only_the_hold_tells(self):
        told = story(bank_opened, unearned_opened).when(replace(hold_700, debit_account=BANK))
        event: Any = only(told)
        self.assertEqual([entry.account_code for entry in event.told], [BANK, UNEARNED])
        told.when(post_all)
        transaction, posted = told.happened
        self.assertEqual((transaction.home, posted.posted_amount), (None, "700"))  # type: ignore[attr-defined]
        told = story(bank_opened, unearned_opened).when(replace(hold_700, debit_account=BANK)).when(void)
        self.assertEqual([entry.account_code for entry in only(told).told], [BANK, UNEARNED])


moves = st.one_of(
    st.builds(
        lambda number, amount, giver, ttl: PlaceHold(
            hold_id=UUID(int=100 + number),
            external_id=f"hold {number}",
            debit_account=f"customer:C{giver}:JPY",
            credit_account=UNEARNED if number % 2 else f"customer:C{3 - giver}:JPY",
            amount=str(amount),
            currency="JPY",
            purpose="deposit",
            ttl_seconds=ttl,
        ),
        st.integers(0, 4),
        st.integers(1, 900),
        st.integers(1, 2),
        st.none() | st.integers(1, 100),
    ),
    st.builds(
        PostHold,
        hold_id=st.integers(100, 104).map(lambda number: UUID(int=number)),
        amount=st.none() | st.integers(1, 900).map(str),
    ),
    st.builds(VoidHold, hold_id=st.integers(100, 104).map(lambda number: UUID(int=number)), reason=st.just("?")),
    st.builds(ExpireHold, hold_id=st.integers(100, 104).map(lambda number: UUID(int=number))),
    st.builds(
        lambda number, amount: CreditFunds(
            account_id=UUID(int=number), amount=str(amount), currency="JPY", counterparty=BANK, external_id=f"credit {number} {amount}"
        ),
        st.integers(1, 2),
        st.integers(1, 900),
    ),
    st.integers(1, 60),  # seconds that pass
)


class AnyStory(SimpleTestCase):
    @given(st.lists(moves, max_size=30))
    def test_whatever_people_want_the_counters_are_the_sums(self, wishes):
        books, streams = Books(at=NOW), {}
        for event in (opened(), opened(BOB, credit_limit="300"), bank_opened, unearned_opened):
            books = evolve(books, event)
            streams[event.account_id] = accounts.fold([event])
        for wish in wishes:
            if isinstance(wish, int):
                books = replace(books, at=books.at + timedelta(seconds=wish))
                continue
            try:
                events = decide(books, wish)
            except Refused as refusal:
                self.assertGreater(len(str(refusal)), 20)
                continue
            for event in events:
                name, version = name_of(type(event))
                read: Any = decode_event(name, version, encode(event))
                self.assertEqual(read, event, "what is recorded is what happened")
                books = evolve(books, read)
                home = getattr(read, "home", None)
                if home is not None:
                    streams[home.account_id] = accounts.fold([read], streams[home.account_id])
            self.assertEqual(decide(books, wish), [], "the same wish again changes nothing")
            self.assertTrue(self.agrees(books, streams))

    def agrees(self, books: Books, streams: dict[UUID, Any]) -> bool:
        entries = [entry for posted in books.transactions for entry in posted.entries]
        for account_id in (ADA, BOB):
            account = books.accounts[account_id]
            self.assertEqual(account, streams[account_id], "an account is the fold of its own stream")
            debits = sum(int(entry.amount) for entry in entries if (entry.account_id, entry.side) == (account_id, "D"))
            credits = sum(int(entry.amount) for entry in entries if (entry.account_id, entry.side) == (account_id, "C"))
            pending = [hold for hold in books.holds if hold.state == "pending"]
            out = sum(hold.amount for hold in pending if hold.debit_account_id == account_id)
            into = sum(hold.amount for hold in pending if hold.credit_account_id == account_id)
            counted = (account.debits_posted, account.credits_posted, account.debits_pending, account.credits_pending)
            self.assertEqual(counted, (debits, credits, out, into))
            self.assertGreaterEqual(account.available or 0, 0)
        for hold in books.holds:
            self.assertEqual(hold.version, 1 if hold.state == "pending" else 2)
            self.assertEqual(hold.posted_amount + hold.released_amount, 0 if hold.state == "pending" else hold.amount)
            posted = [transaction for transaction in books.transactions if transaction.hold_id == hold.hold_id]
            self.assertEqual(len(posted), hold.state == "posted")
        return True

    def test_a_new_hold_is_nothing(self):
        self.assertEqual((holds.initial.version, holds.initial.amount), (0, 0))
