"""The rules of the ledger, told as stories. No database, no clock: milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.test import SimpleTestCase
from msgspec.structs import replace

from eventstore.errors import Refused
from eventstore.testing import Story
from ledger.commands import CreditFunds, Leg, OpenAccount, PostTransaction, WithdrawFunds
from ledger.domain import CHART, Books, accounts, decide, evolve
from ledger.domain.amounts import minor_units
from ledger.domain.chart import opens_itself, pattern_of
from ledger.events import AccountOpened, Entry, EntryPosted, TransactionPosted
from tests.ledger.examples import ADA, BANK, BOB

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
bank_opened: Any = opens_itself(BANK)
BANK_ID = bank_opened.account_id


def opened(account_id: UUID = ADA, currency: str = "JPY", credit_limit: str | None = "0") -> AccountOpened:
    return AccountOpened(
        account_id=account_id,
        code=f"customer:C{account_id.int}:{currency}",
        currency=currency,
        exponent=0,
        kind="liability",
        normal_side="C",
        contra=False,
        credit_limit=credit_limit,
        posting_mode="locked",
    )


def story(*events: Any) -> Story:
    return Story(decide, evolve, Books(at=NOW)).given(*events)


def only(told: Story) -> Any:
    """The one event that happened."""
    (event,) = told.happened
    return event


def transfer(*legs: tuple[str, Any, int, str], external_id: str = "T1") -> PostTransaction:
    entries = tuple(Leg(account=code, side=side, amount=str(amount), currency=currency) for code, side, amount, currency in legs)
    return PostTransaction(transaction_id=UUID(int=7), kind="transfer", entries=entries, external_id=external_id)


credit_5000 = CreditFunds(
    transaction_id=UUID(int=11), account_id=ADA, amount="5000", currency="JPY", counterparty=BANK, external_id="E1", description="cash in"
)
withdraw_1200 = WithdrawFunds(
    transaction_id=UUID(int=12), account_id=ADA, amount="1200", currency="JPY", counterparty=BANK, external_id="E2"
)
credited_5000 = TransactionPosted(
    transaction_id=UUID(int=11),
    external_id="E1",
    kind="credit",
    effective_at=NOW,
    recorded_at=NOW,
    entries=(
        Entry(
            account_id=ADA, account_code="customer:C1:JPY", side="C", amount="5000", currency="JPY", account_version=2, balance_after="5000"
        ),
        Entry(account_id=BANK_ID, account_code=BANK, side="D", amount="5000", currency="JPY"),
    ),
    description="cash in",
)


class RefusalAssertions(SimpleTestCase):
    def assertRefused(self, code: str, told: Story, command: Any, **facts: str) -> Refused:
        return told.when(command).then_refused(code, **facts)


class Posting(RefusalAssertions):
    def test_money_comes_in_from_the_bank_which_is_opened_when_it_is_first_used(self):
        story(opened()).when(credit_5000).then(bank_opened, credited_5000)

    def test_the_bank_is_opened_once(self):
        story(opened(), bank_opened).when(credit_5000).then(credited_5000)

    def test_money_goes_out_while_there_is_cover(self):
        told = story(opened(), bank_opened, credited_5000).when(withdraw_1200)
        event = only(told)
        self.assertEqual([(e.side, e.account_version, e.balance_after) for e in event.entries], [("D", 3, "3800"), ("C", None, None)])
        self.assertEqual(told.state.accounts[ADA].posted, 3800)

    def test_a_withdrawal_below_the_floor_is_refused_with_what_is_available(self):
        told = story(opened(), bank_opened, credited_5000)
        refused = self.assertRefused("insufficient_funds", told, replace(withdraw_1200, amount="5001"), available="5000", requested="5001")
        self.assertEqual((refused.status, str(refused)), (422, "available 5000 JPY, requested 5001 JPY"))

    def test_the_last_unit_can_be_withdrawn(self):
        told = story(opened(), bank_opened, credited_5000).when(replace(withdraw_1200, amount="5000"))
        self.assertEqual(told.state.accounts[ADA].available, 0)

    def test_a_credit_limit_lets_a_customer_owe_so_much_and_no_more(self):
        told = story(opened(credit_limit="1000"), bank_opened)
        told.when(replace(withdraw_1200, amount="1000"))
        self.assertEqual(told.state.accounts[ADA].posted, -1000)
        more = replace(withdraw_1200, amount="1", external_id="E3", transaction_id=UUID(int=13))
        self.assertRefused("credit_limit_exceeded", told, more, available="0", requested="1")

    def test_an_account_without_a_floor_is_never_short(self):
        told = story(opened(credit_limit=None), bank_opened).when(withdraw_1200)
        self.assertEqual(told.state.accounts[ADA].posted, -1200)

    def test_an_account_below_its_floor_can_be_paid_up_but_not_drawn_on(self):
        told = story(opened(credit_limit="1000"), bank_opened).when(replace(withdraw_1200, amount="1000"))
        state = told.state
        lowered = {**state.accounts, ADA: replace(state.accounts[ADA], credit_limit=300)}
        told = Story(decide, evolve, Books(at=NOW, accounts=lowered))
        self.assertRefused("credit_limit_exceeded", told, replace(withdraw_1200, amount="1"))
        told.when(replace(credit_5000, amount="100"))
        self.assertEqual(told.state.accounts[ADA].posted, -900)

    def test_the_account_must_exist_and_a_misspelt_customer_is_not_opened(self):
        refused = self.assertRefused("account_not_found", story(), credit_5000, account=str(ADA))
        self.assertEqual(refused.status, 404)
        self.assertRefused("account_not_found", story(opened()), replace(credit_5000, counterparty="customer:C9:JPY"))
        self.assertRefused("account_not_found", story(opened()), replace(credit_5000, counterparty="bank:main:XXX"))
        self.assertRefused("account_not_found", story(opened()), replace(credit_5000, counterparty="piggy:bank:JPY"))

    def test_money_of_one_currency_does_not_enter_an_account_of_another(self):
        told = story(opened(currency="EUR"))
        self.assertRefused("currency_mismatch", told, credit_5000, currency="EUR")
        self.assertRefused("currency_mismatch", story(opened()), replace(credit_5000, counterparty="bank:main:EUR"))

    def test_an_unknown_currency_is_told_apart(self):
        self.assertRefused("unknown_currency", story(opened()), replace(credit_5000, currency="XYZ"), currency="XYZ")

    def test_an_account_is_not_its_own_counterparty(self):
        self.assertRefused("same_account", story(opened()), replace(credit_5000, counterparty="customer:C1:JPY"))

    def test_money_takes_effect_when_the_caller_says(self):
        last_month = datetime.fromisoformat("2026-10-31T23:59:59+09:00")
        told = story(opened()).when(replace(credit_5000, effective_at=last_month))
        event: Any = told.happened[-1]
        self.assertEqual((event.effective_at, event.effective_at.utcoffset(), event.recorded_at), (last_month, timedelta(0), NOW))

    def test_money_does_not_take_effect_at_the_end_of_the_world(self):
        late, early = (datetime.fromisoformat(told) for told in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"))
        self.assertRefused("effective_in_future", story(opened()), replace(credit_5000, effective_at=late))
        self.assertRefused("effective_too_early", story(opened()), replace(credit_5000, effective_at=early))


class Repeating(RefusalAssertions):
    def told(self) -> Story:
        return story(opened(), bank_opened, credited_5000)

    def test_the_same_external_id_with_the_same_content_is_the_same_transaction(self):
        again = replace(credit_5000, transaction_id=UUID(int=99))
        self.told().when(again).then()
        self.told().when(replace(again, effective_at=NOW)).then()

    def test_other_content_is_a_conflict_that_names_the_first_field(self):
        changes: dict[str, dict[str, Any]] = {
            "amount": {"amount": "5001"},
            "description": {"description": "something else"},
            "counterparty": {"counterparty": "bank:other:JPY"},
            "effective_at": {"effective_at": NOW - timedelta(days=1)},
        }
        for field, change in changes.items():
            with self.subTest(field):
                refused = self.assertRefused("external_id_conflict", self.told(), replace(credit_5000, **change), field=field)
                self.assertEqual((refused.status, refused.facts["transaction_id"]), (409, str(UUID(int=11))))

    def test_an_id_that_another_transaction_has_is_a_conflict(self):
        other = replace(withdraw_1200, transaction_id=UUID(int=11))
        self.assertRefused("external_id_conflict", self.told(), other, field="external_id", transaction_id=str(UUID(int=11)))

    def test_of_many_entries_the_one_that_differs_is_named(self):
        both: list[tuple[str, Any, int, str]] = [(BANK, "D", 5, "JPY"), ("customer:C1:JPY", "C", 5, "JPY")]
        told = story(opened()).when(transfer(*both))
        self.assertRefused("external_id_conflict", told, transfer(*reversed(both)), field="entries/0/account")
        self.assertRefused("external_id_conflict", told, replace(transfer(*both), kind="sale"), field="kind")

    def test_a_withdrawal_is_no_repetition_of_a_credit(self):
        self.assertRefused("external_id_conflict", self.told(), replace(withdraw_1200, external_id="E1"), field="kind")

    def test_another_account_is_a_conflict(self):
        told = story(opened(), opened(BOB), bank_opened, credited_5000)
        self.assertRefused("external_id_conflict", told, replace(credit_5000, account_id=BOB), field="account")

    def test_a_repetition_asks_for_no_cover(self):
        told = self.told().when(replace(withdraw_1200, amount="5000"))
        told.when(replace(withdraw_1200, amount="5000")).then()


class PostingBetweenAnyAccounts(RefusalAssertions):
    def test_a_transfer_between_customers_is_told_to_both(self):
        move = transfer(("customer:C1:JPY", "D", 700, "JPY"), ("customer:C2:JPY", "C", 700, "JPY"))
        told = story(opened(), opened(BOB), bank_opened, credited_5000).when(move)
        transaction: Any = told.happened[0]
        echo: Any = told.happened[1]
        self.assertEqual((transaction.home.account_id, [e.account_id for e in transaction.told]), (ADA, [ADA]))
        self.assertIsInstance(echo, EntryPosted)
        self.assertEqual((echo.entry.account_id, echo.entry.account_version, echo.entry.balance_after), (BOB, 2, "700"))
        self.assertEqual({code: told.state.accounts[code].posted for code in (ADA, BOB)}, {ADA: 4300, BOB: 700})

    def test_entries_balance_per_currency(self):
        told = story(opened(), opened(BOB, "EUR"), bank_opened, credited_5000)
        two = transfer(("customer:C1:JPY", "D", 700, "JPY"), ("customer:C2:EUR", "C", 700, "EUR"))
        self.assertRefused("unbalanced_entries", told, two)
        four = transfer(
            ("customer:C1:JPY", "D", 700, "JPY"),
            ("fx:JPY:liquidity", "C", 700, "JPY"),
            ("fx:EUR:liquidity", "D", 4, "EUR"),
            ("customer:C2:EUR", "C", 4, "EUR"),
        )
        told.when(four)
        self.assertEqual((told.state.accounts[ADA].posted, told.state.accounts[BOB].posted), (4300, 4))
        three = transfer(*((leg.account, leg.side, int(leg.amount), leg.currency) for leg in four.entries[:3]), external_id="T2")
        self.assertRefused("unbalanced_entries", told, three)

    def test_one_leg_does_not_balance(self):
        self.assertRefused("unbalanced_entries", story(opened()), transfer(("customer:C1:JPY", "C", 1, "JPY")))

    def test_a_transaction_touches_an_account_once(self):
        twice = transfer((BANK, "D", 2, "JPY"), ("customer:C1:JPY", "C", 1, "JPY"), ("customer:C1:JPY", "C", 1, "JPY"))
        self.assertRefused("same_account", story(opened()), twice)

    def test_a_floor_is_kept_on_whichever_side_money_goes_out(self):
        safe = replace(bank_opened, credit_limit="0", posting_mode="locked")
        told = story(opened(credit_limit=None), safe)
        self.assertRefused("insufficient_funds", told, withdraw_1200, account_id=str(BANK_ID), available="0")
        told.when(credit_5000)
        self.assertEqual(told.state.accounts[BANK_ID].posted, 5000)


class Amounts(SimpleTestCase):
    def test_every_wrong_spelling_is_told_by_its_own_code(self):
        for told, code in {
            "0": "amount_not_positive",
            "-5": "amount_not_positive",
            "1.0": "amount_not_integer",
            "1e3": "amount_not_integer",
            "+5": "amount_not_integer",
            " 5": "amount_not_integer",
            "5\n": "amount_not_integer",
            "": "amount_not_integer",
            "007": "amount_not_integer",
            "１２": "amount_not_integer",
            "-": "amount_not_integer",
            "9" * 31: "amount_out_of_range",
            "9" * 1000: "amount_out_of_range",
        }.items():
            with self.subTest(told[:40]), self.assertRaises(Refused) as caught:
                minor_units(told)
            self.assertEqual((caught.exception.code, caught.exception.status), (code, 422))

    def test_large_amounts_are_exact(self):
        for told in ("1", "9223372036854775808", "9" * 30):
            self.assertEqual(str(minor_units(told)), told)

    def test_a_counter_that_would_leave_its_range_refuses(self):
        full = Books(at=NOW, accounts={ADA: replace(accounts.fold([opened()]), credits_posted=10**38 - 1)})
        refused = Story(decide, evolve, full).when(replace(credit_5000, amount="1")).then_refused("amount_out_of_range")
        self.assertEqual(refused.status, 422)


class Opening(RefusalAssertions):
    def test_a_customer_needs_only_a_currency(self):
        told = story().when(OpenAccount(account_id=ADA, currency="JPY", owner_ref="C1"))
        event = only(told)
        wanted = ("liability", "C", False, "0", "locked", 0, f"customer:{ADA}:JPY")
        self.assertEqual(
            (event.kind, event.normal_side, event.contra, event.credit_limit, event.posting_mode, event.exponent, event.code), wanted
        )

    def test_opening_the_same_again_changes_nothing(self):
        command = OpenAccount(account_id=ADA, currency="JPY", code="customer:C1:JPY")
        story(opened()).when(command).then()
        story(opened()).when(replace(command, account_id=BOB)).then()

    def test_opening_something_else_under_a_taken_code_or_id_is_refused(self):
        taken = OpenAccount(account_id=BOB, currency="JPY", code="customer:C1:JPY", credit_limit="500")
        refused = self.assertRefused("account_exists", story(opened()), taken, field="credit_limit", account_id=str(ADA))
        self.assertEqual(refused.status, 409)
        self.assertRefused(
            "account_exists", story(opened()), OpenAccount(account_id=ADA, currency="JPY", code="customer:C2:JPY"), field="code"
        )

    def test_no_floor_is_said_and_not_left_out(self):
        event = only(story().when(OpenAccount(currency="JPY", code="customer:C1:JPY", credit_limit=None)))
        self.assertIsNone(event.credit_limit)

    def test_a_deferred_account_has_no_floor(self):
        command = OpenAccount(currency="JPY", code=BANK, credit_limit="0")
        self.assertRefused("limit_on_deferred", story(), command)
        event = only(story().when(replace(command, posting_mode="locked")))
        self.assertEqual((event.credit_limit, event.posting_mode), ("0", "locked"))

    def test_the_code_and_the_currency_agree(self):
        self.assertRefused("currency_mismatch", story(), OpenAccount(currency="EUR", code=BANK))
        self.assertRefused("unknown_currency", story(), OpenAccount(currency="XXY"))

    def test_a_code_outside_the_chart_needs_its_kind(self):
        command = OpenAccount(currency="EUR", code="petty:cash")
        self.assertRefused("kind_missing", story(), command)
        event = only(story().when(replace(command, kind="asset")))
        self.assertEqual((event.normal_side, event.contra, event.exponent), ("D", False, 2))

    def test_a_contra_account_stands_on_the_other_side_of_its_kind(self):
        event: Any = opens_itself("returns:JPY")
        self.assertEqual((event.kind, event.normal_side, event.contra), ("income", "D", True))

    def test_every_line_of_the_chart_knows_its_own_codes(self):
        for pattern in CHART:
            code = pattern.code.replace("cur", "EUR").replace("*", "x")
            with self.subTest(code):
                self.assertEqual(pattern_of(code), (pattern, "EUR"))
                self.assertIsNone(pattern_of(code + ":more"))


class Folding(SimpleTestCase):
    def test_an_account_is_the_fold_of_its_own_stream(self):
        move = transfer(("customer:C1:JPY", "D", 700, "JPY"), ("customer:C2:JPY", "C", 700, "JPY"))
        told = story(opened(), opened(BOB), bank_opened, credited_5000).when(move)
        transaction, echo = told.happened
        self.assertEqual(accounts.fold([opened(), credited_5000, transaction]), told.state.accounts[ADA])
        self.assertEqual(accounts.fold([opened(BOB), echo]), told.state.accounts[BOB])
        self.assertEqual(accounts.fold([bank_opened, credited_5000, transaction]), told.state.accounts[BANK_ID])
