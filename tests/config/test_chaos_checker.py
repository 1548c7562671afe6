"""The checker of chaos: hand-made histories, each with one damage, and the checker that names it."""

from uuid import UUID

from django.test import SimpleTestCase

from config.chaos import checker
from config.chaos.checker import Effect, Logged
from config.chaos.folds import fold_ledger, fold_orders
from config.chaos.histories import Call


def logged(partition: int, position: int, stream: str, version: int, key: str = "", **facts) -> Logged:
    return Logged(partition, position, UUID(int=1000 * partition + position), stream, version, key=key, **facts)


def effect_of(event: Logged) -> Effect:
    return Effect(event.id, event.stream, event.version)


#: Two streams in one partition, one in another; the third call wrote in both.
LOG = [
    logged(0, 1, "order-a", 1, "ada-1"),
    logged(0, 2, "order-b", 1, "ada-2"),
    logged(0, 3, "order-a", 2, "ada-3"),
    logged(1, 1, "order-c", 1, "ada-3"),
]
CALLS = [
    Call("ada-1", "place", 1, outcome="ok", position="0-1"),
    Call("ada-2", "place", 1, outcome="ok", position="0-2"),
    Call("ada-3", "change together", 2, outcome="ok", position="0-3.1-1"),
    Call("ada-4", "place", 1, outcome="fail"),
    Call("ada-5", "place", 1),
]
EFFECTS = [effect_of(event) for event in LOG]


class Calls(SimpleTestCase):
    def kinds(self, calls, log=LOG) -> list[str]:
        return [damage.kind for damage in checker.check_calls(calls, log)]

    def test_what_was_told_and_what_is_logged_agree(self):
        self.assertEqual(self.kinds(CALLS), [])

    def test_an_acknowledged_order_that_the_log_lacks_is_lost(self):
        self.assertEqual(self.kinds([*CALLS, Call("ada-6", "place", 1, outcome="ok")]), ["lost"])

    def test_half_of_an_acknowledged_unit_of_work_is_lost(self):
        self.assertEqual(self.kinds(CALLS, LOG[:3]), ["lost"])

    def test_an_unknown_outcome_may_be_there_whole_or_not_at_all_but_not_torn(self):
        unknown = Call("ada-3", "change together", 2)
        self.assertEqual(self.kinds([*CALLS[:2], unknown]), [])
        self.assertEqual(self.kinds([*CALLS[:2], unknown], LOG[:2]), [])
        self.assertEqual(self.kinds([*CALLS[:2], unknown], LOG[:3]), ["torn"])

    def test_an_order_placed_twice_under_one_key_is_duplicated(self):
        again = logged(1, 2, "order-d", 1, "ada-1")
        self.assertEqual(self.kinds(CALLS, [*LOG, again]), ["duplicated"])

    def test_an_unknown_outcome_that_happened_twice_is_duplicated(self):
        twice = [logged(1, 2, "order-d", 1, "ada-5"), logged(1, 3, "order-e", 1, "ada-5")]
        self.assertEqual(self.kinds(CALLS, [*LOG, *twice]), ["duplicated"])

    def test_a_refused_order_that_is_in_the_log_is_a_phantom(self):
        self.assertEqual(self.kinds(CALLS, [*LOG, logged(1, 2, "order-d", 1, "ada-4")]), ["phantom"])

    def test_an_event_of_a_call_that_nobody_made_is_a_phantom(self):
        self.assertEqual(self.kinds(CALLS, [*LOG, logged(1, 2, "order-d", 1, "eve-1")]), ["phantom"])

    def test_an_answer_whose_position_holds_another_event_is_a_loss(self):
        moved = Call("ada-2", "place", 1, outcome="ok", position="0-1")
        self.assertEqual(self.kinds([CALLS[0], moved, *CALLS[2:]]), ["lost"])


class Log(SimpleTestCase):
    def test_dense_positions_and_counting_versions_are_sound(self):
        self.assertEqual(checker.check_density(LOG, {0: 3, 1: 1, 2: 0}), [])
        self.assertEqual(checker.check_versions(LOG), [])

    def test_a_missing_position_is_a_hole(self):
        (damage,) = checker.check_density([LOG[0], *LOG[2:]], {0: 3, 1: 1})
        self.assertEqual((damage.kind, damage.sentence), ("hole", "partition 0: position 2 is missing or beyond the head 3"))

    def test_a_head_above_the_last_event_is_a_hole(self):
        self.assertEqual([damage.kind for damage in checker.check_density(LOG, {0: 4, 1: 1})], ["hole"])

    def test_an_event_above_the_head_is_a_hole(self):
        self.assertEqual([damage.kind for damage in checker.check_density(LOG, {0: 3})], ["hole"])

    def test_a_skipped_version_is_a_hole(self):
        self.assertEqual([damage.kind for damage in checker.check_versions([*LOG, logged(1, 2, "order-c", 3)])], ["hole"])

    def test_versions_that_run_against_positions_are_out_of_order(self):
        swapped = [logged(0, 1, "order-a", 2), logged(0, 2, "order-a", 1)]
        self.assertIn("out_of_order", [damage.kind for damage in checker.check_versions(swapped)])


class Effects(SimpleTestCase):
    def kinds(self, effects) -> list[str]:
        return [damage.kind for damage in (*checker.check_effects(LOG, effects), *checker.check_order(effects))]

    def test_one_effect_an_event_in_the_order_of_each_stream_is_sound(self):
        self.assertEqual(self.kinds(EFFECTS), [])
        self.assertEqual(self.kinds([EFFECTS[3], *EFFECTS[:3]]), [], "order across streams was never promised")

    def test_an_event_without_an_effect_is_lost(self):
        self.assertEqual(self.kinds(EFFECTS[:3]), ["lost"])

    def test_an_event_with_two_effects_is_duplicated_and_not_out_of_order(self):
        self.assertEqual(self.kinds([*EFFECTS, EFFECTS[0]]), ["duplicated"])

    def test_three_effects_are_two_too_many(self):
        self.assertEqual(self.kinds([*EFFECTS, EFFECTS[3], EFFECTS[3]]), ["duplicated", "duplicated"])

    def test_a_later_version_that_took_effect_first_is_out_of_order(self):
        self.assertEqual(self.kinds([EFFECTS[2], EFFECTS[1], EFFECTS[0], EFFECTS[3]]), ["out_of_order"])

    def test_an_effect_of_an_event_that_is_not_logged_is_a_phantom(self):
        self.assertEqual(self.kinds([*EFFECTS, Effect(UUID(int=7), "order-z", 1)]), ["phantom"])


class ReadTables(SimpleTestCase):
    expected = {1: {"status": "placed", "total": 5}}  # noqa: RUF012 - only read

    def kinds(self, found) -> list[str]:
        return [damage.kind for damage in checker.check_table("orders", self.expected, found)]

    def test_columns_the_fold_does_not_speak_of_may_hold_anything(self):
        self.assertEqual(self.kinds({1: {"status": "placed", "total": 5, "note": "x"}}), [])

    def test_a_wrong_a_missing_and_a_needless_row_are_told_apart(self):
        self.assertEqual(self.kinds({1: {"status": "cancelled", "total": 5}}), ["wrong_row"])
        self.assertEqual(self.kinds({}), ["wrong_row"])
        self.assertEqual(self.kinds({1: {"status": "placed", "total": 5}, 2: {}}), ["wrong_row"])


class Ledger(SimpleTestCase):
    def kinds(self, postings, balances=()) -> list[str]:
        return [damage.kind for damage in checker.check_ledger(postings, balances)]

    def test_each_currency_sums_to_zero(self):
        self.assertEqual(self.kinds([("EUR", 5), ("EUR", -5), ("JPY", 7), ("JPY", -7)]), [])

    def test_a_posting_without_its_counterpart_is_unbalanced(self):
        self.assertEqual(self.kinds([("EUR", 5), ("EUR", -5), ("JPY", 7)]), ["unbalanced"])

    def test_two_currencies_do_not_make_up_for_each_other(self):
        self.assertEqual(self.kinds([("EUR", 5), ("JPY", -5)]), ["unbalanced", "unbalanced"])

    def test_a_balance_below_its_floor_is_found(self):
        self.assertEqual(self.kinds([], [("customer:ada:EUR", -1, 0), ("customer:ben:EUR", -9, -10)]), ["unbalanced"])


class Folds(SimpleTestCase):
    ORDER, ACCOUNT, BANK, TRANSACTION = (UUID(int=number) for number in range(1, 5))

    def test_an_order_is_what_its_last_event_made_of_it(self):
        told = {"order_id": str(self.ORDER), "customer_ref": "ada", "lines": [{"sku": "tea"}], "charges": [], "total": "900"}
        log = [
            logged(0, 1, "order-1", 1, name="orders.order_placed", data=told | {"currency": "EUR", "external_id": None}),
            logged(0, 2, "order-1", 2, name="orders.order_updated", data=told | {"customer_ref": "ben", "total": "950"}),
            logged(0, 3, "order-1", 3, name="orders.order_cancelled", data={"order_id": str(self.ORDER), "reason": "late"}),
        ]
        folded = fold_orders(log)
        row = folded["orders_ordersummary"][self.ORDER]
        self.assertEqual(
            (row["status"], row["customer_ref"], row["total"], row["line_count"], row["version"]), ("cancelled", "ben", 950, 1, 3)
        )
        self.assertEqual(folded["orders_orderdetail"][self.ORDER]["cancel_reason"], "late")
        self.assertEqual(len(folded["orders_timelineentry"]), 3)

    def test_a_posting_counts_once_for_each_of_its_accounts(self):
        opened = {"account_id": str(self.ACCOUNT), "code": "customer:ada:EUR", "currency": "EUR", "exponent": 2, "normal_side": "C"}
        entry = {"account_id": str(self.ACCOUNT), "side": "C", "amount": "5", "currency": "EUR", "account_version": 2, "balance_after": "5"}
        counter = entry | {"account_id": str(self.BANK), "side": "D", "account_version": None, "balance_after": None}
        posted = {"transaction_id": str(self.TRANSACTION), "entries": [entry, counter]}
        log = [
            logged(0, 1, "account-1", 1, name="ledger.account_opened", data=opened | {"credit_limit": "0"}),
            logged(0, 2, "account-1", 2, name="ledger.transaction_posted", data=posted),
        ]
        folded = fold_ledger(log)
        balances = folded["ledger_balance"]
        self.assertEqual((balances[self.ACCOUNT]["credits_posted"], balances[self.ACCOUNT]["version"]), (5, 2))
        self.assertEqual((balances[self.BANK]["debits_posted"], balances[self.BANK]["version"]), (5, 0))
        self.assertEqual(len(folded["ledger_statementline"]), 2)

    def test_what_is_held_is_pending_until_it_is_posted_or_released(self):
        own, other = entry(self.ACCOUNT, "D", 700, 3), entry(self.BANK, "C", 700, None)
        posting = {
            "transaction_id": str(UUID(int=9)),
            "entries": [own | {"amount": "400", "account_version": 4}, other | {"amount": "400"}],
        }
        log = [
            logged(0, 1, "account-1", 3, name="ledger.entry_held", data={"entry": own}),
            logged(0, 2, "hold-1", 1, name="ledger.hold_placed", data={"entries": [own, other]}),
            logged(0, 3, "account-1", 4, name="ledger.transaction_posted", data=posting | {"unheld": "700"}),
            logged(0, 4, "account-1", 5, name="ledger.entry_held", data={"entry": own | {"account_version": 5}}),
            logged(0, 5, "account-1", 6, name="ledger.entry_released", data={"entry": own | {"account_version": 6}}),
            logged(0, 6, "hold-2", 1, name="ledger.hold_placed", data={"entries": [own, other]}),
        ]
        balances = fold_ledger(log)["ledger_balance"]
        self.assertEqual(
            {name: balances[self.ACCOUNT][name] for name in ("debits_posted", "debits_pending", "version")},
            {"debits_posted": 400, "debits_pending": 0, "version": 6},
        )
        self.assertEqual(
            {name: balances[self.BANK][name] for name in ("credits_posted", "credits_pending", "version")},
            {"credits_posted": 400, "credits_pending": 700, "version": 0},
        )


def entry(account: UUID, side: str, amount: int, version: int | None) -> dict[str, object]:
    return {
        "account_id": str(account),
        "side": side,
        "amount": str(amount),
        "currency": "JPY",
        "account_version": version,
        "balance_after": "0",
    }


ACCOUNT = UUID(int=3)


class Processes(SimpleTestCase):
    """Orders that are paid from an account, and the money that is held for them."""

    ORDER, HOLD = UUID(int=1), UUID(int=2)

    def kinds(self, *holds, status="confirmed", pay_from=ACCOUNT) -> list[str]:
        order = {"status": status, "total": 900, "hold_id": self.HOLD if status == "confirmed" else None, "pay_from": pay_from}
        return [damage.kind for damage in checker.check_processes({self.ORDER: order}, holds)]

    def hold(self, hold_id=HOLD, amount=900, attempt=1):
        return hold_id, f"order:{self.ORDER}:{attempt}", amount

    def test_a_confirmed_order_has_its_money_held(self):
        self.assertEqual(self.kinds(self.hold()), [])
        self.assertEqual(self.kinds(), ["process"], "nothing is held")
        self.assertEqual(self.kinds(self.hold(amount=800)), ["process"], "not enough")
        self.assertEqual(self.kinds(self.hold(), self.hold(UUID(int=9), attempt=2)), ["process"], "twice")

    def test_an_order_that_is_over_has_nothing_held(self):
        self.assertEqual(self.kinds(status="rejected"), [])
        self.assertEqual(self.kinds(self.hold(), status="cancelled"), ["process"])

    def test_an_order_that_is_still_waiting_is_stuck(self):
        self.assertEqual(self.kinds(status="placed"), ["process"])
        self.assertEqual(self.kinds(status="placed", pay_from=None), [])

    def test_money_for_an_order_that_nobody_placed(self):
        self.assertEqual([damage.kind for damage in checker.check_processes({}, [self.hold()])], ["process"])
