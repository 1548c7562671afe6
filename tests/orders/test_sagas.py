"""The order process as stories: what follows from what has happened. No database, no clock: milliseconds."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
from django.test import SimpleTestCase
from msgspec.structs import replace

from eventstore.approvals import ApprovalExpired, ApprovalGranted, ApprovalRefused, ApprovalWithdrawn, RequestApproval, WithdrawApproval
from eventstore.messages import Envelope, encode, name_of
from eventstore.sagas import CommandRefused, CompensationRequested, DeadlinePassed
from ledger.commands import PlaceHold, VoidHold
from ledger.events import HoldPlaced, HoldVoided
from orders.commands import CancelOrder, ConfirmOrder, RejectOrder
from orders.events import OrderCancelled, OrderConfirmed, OrderRejected, OrderUpdated
from orders.sagas import CONFIRM_WITHIN, DECIDE_WITHIN, Fulfilment, fulfilment
from tests.orders.examples import ID, ONE_TEA, placed

ACCOUNT = UUID(int=77)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
paid = replace(placed, pay_from=ACCOUNT)
large = replace(paid, total="500000")


def hold_id(attempt=1):
    return uuid5(ID, f"hold/{attempt}")


def approval_id(attempt=1):
    return uuid5(ID, f"approval/{attempt}")


def held(attempt=1, kind=HoldPlaced):
    told = {"hold_id": hold_id(attempt), "external_id": f"order:{ID}:{attempt}", "recorded_at": NOW, "entries": ()}
    if kind is HoldPlaced:
        parties = {"debit_account_id": ACCOUNT, "credit_account_id": UUID(int=78), "expires_at": None, "purpose": "order_payment"}
        return HoldPlaced(amount="8400", currency="EUR", **parties, **told)
    return kind(released_amount="8400", currency="EUR", reason="by hand", **told)


def refused(command, code="insufficient_funds"):
    told = {"saga": "orders.fulfilment", "key": str(ID), "command_id": UUID(int=9), "code": code, "detail": "available 3 EUR"}
    name = {PlaceHold: "ledger.place_hold", ConfirmOrder: "orders.confirm_order"}[type(command)]
    return CommandRefused(command=name, data=msgspec.to_builtins(command), **told)


passed = DeadlinePassed(saga="orders.fulfilment", key=str(ID), name="confirmed", due_at=NOW)
cancelled = OrderCancelled(order_id=ID, reason="changed my mind")
rejected = OrderRejected(order_id=ID, reason="no money")
cheaper = OrderUpdated(order_id=ID, customer_ref="ada", lines=(ONE_TEA,), total="450")


def decided(kind, attempt=1, **told):
    return kind(approval_id=approval_id(attempt), subject=f"order-{ID}", subject_version=1, **told)


granted = decided(ApprovalGranted, granted_by=("staff:ben",), comment="")


class Told(SimpleTestCase):
    """`tell` takes the process through events; `step` is what followed from the last of them."""

    def setUp(self):
        self.state, self.step, self.version = Fulfilment(), None, 0

    def tell(self, *events, late=False, by="key:shop"):
        for event in events:
            self.version += 1
            name, schema = name_of(type(event))
            data = msgspec.Raw(encode(event))
            envelope = Envelope(0, 1, UUID(int=3), f"order-{ID}", self.version, name, schema, data, {"actor": by}, NOW, NOW)
            self.step = fulfilment.react(self.state, envelope.event, envelope, late=late)
            if self.step is not None:
                # Memory is kept as JSON between two events.
                self.state = msgspec.convert(msgspec.to_builtins(self.step.state), Fulfilment)
        return self

    def sent(self):
        return [type(command) for command in self.step.commands]


class Paying(Told):
    def test_a_placed_order_has_its_money_held_first(self):
        self.tell(paid)
        (command,) = self.step.commands
        self.assertEqual((command.hold_id, command.amount, command.currency), (hold_id(), "8400", "EUR"))
        self.assertEqual((command.debit_account, command.credit_account), (str(ACCOUNT), "unearned:EUR"))
        self.assertEqual(self.step.deadlines, {"confirmed": CONFIRM_WITHIN})

    def test_an_order_that_is_not_paid_from_an_account_has_no_process(self):
        data = msgspec.Raw(encode(placed))
        envelope = Envelope(0, 1, UUID(int=3), f"order-{ID}", 1, "orders.order_placed", 1, data, {}, NOW, NOW)
        self.assertIsNone(fulfilment.key_for(envelope))

    def test_once_the_money_is_held_the_order_is_confirmed_as_it_was_then(self):
        self.tell(paid, held())
        self.assertEqual(self.step.commands, (ConfirmOrder(order_id=ID, hold_id=hold_id(), version=1),))
        self.tell(OrderConfirmed(order_id=ID, hold_id=hold_id()))
        self.assertEqual((self.step.finished, self.step.commands), ("confirmed", ()))

    def test_without_money_the_order_is_rejected_and_nothing_is_released(self):
        place = self.tell(paid).step.commands[0]
        self.tell(refused(place))
        (command,) = self.step.commands
        self.assertEqual(command, RejectOrder(order_id=ID, reason="No money could be held: available 3 EUR"))
        self.tell(rejected)
        self.assertEqual((self.step.finished, self.step.commands), ("rejected", ()))

    def test_money_is_released_only_after_the_order_is_over(self):
        for at in ([], [held()]):
            with self.subTest(len(at)):
                self.setUp()
                self.tell(paid, *at, cancelled)
                self.assertEqual((self.sent(), self.step.finished), ([VoidHold], "cancelled"))

    def test_waiting_too_long_asks_the_order_to_give_up_and_does_not_touch_the_money(self):
        self.tell(paid, passed)
        self.assertEqual((self.sent(), self.step.compensating), ([RejectOrder], True))
        self.tell(held())
        self.assertIsNone(self.step, "no confirmation after it was given up")
        self.tell(rejected)
        self.assertEqual(self.sent(), [VoidHold])

    def test_an_order_that_is_confirmed_after_all_keeps_its_money(self):
        self.tell(paid, held(), passed, OrderConfirmed(order_id=ID, hold_id=hold_id()))
        self.assertEqual((self.step.finished, self.step.commands), ("confirmed", ()))

    def test_money_that_somebody_released_by_hand_ends_it(self):
        self.tell(paid, held(), held(kind=HoldVoided))
        self.assertEqual(self.sent(), [RejectOrder])

    def test_an_order_that_was_confirmed_by_another_hold_gives_this_one_back(self):
        self.tell(paid, held(), OrderConfirmed(order_id=ID, hold_id=UUID(int=4)))
        self.assertEqual((self.sent(), self.step.finished), ([VoidHold], "confirmed"))


class Changing(Told):
    def test_a_change_takes_back_what_was_held_and_begins_anew(self):
        self.tell(paid, cheaper)
        void, place = self.step.commands
        self.assertEqual((void.hold_id, place.hold_id, place.amount), (hold_id(1), hold_id(2), "450"))

    def test_the_hold_of_the_order_as_it_was_confirms_nothing(self):
        self.tell(paid, cheaper, held(1))
        self.assertIsNone(self.step)
        self.tell(held(2))
        self.assertEqual(self.step.commands, (ConfirmOrder(order_id=ID, hold_id=hold_id(2), version=2),))

    def test_a_confirmation_that_came_too_late_for_the_change_waits_for_it(self):
        confirm = self.tell(paid, held()).step.commands[0]
        self.tell(refused(confirm, "order_changed"))
        self.assertIsNone(self.step)

    def test_a_refusal_of_an_earlier_hold_ends_nothing(self):
        place = self.tell(paid).step.commands[0]
        self.tell(cheaper, refused(place))
        self.assertIsNone(self.step)


class Approving(Told):
    def test_a_large_order_is_looked_at_first_by_somebody_else(self):
        self.tell(large)
        (ask,) = self.step.commands
        self.assertEqual((ask.subject, ask.subject_version, ask.requested_by), (f"order-{ID}", 1, "key:shop"))
        self.assertIsInstance(ask, RequestApproval)
        self.assertEqual(self.step.deadlines, {"confirmed": DECIDE_WITHIN + CONFIRM_WITHIN})
        self.tell(granted)
        self.assertEqual(self.sent(), [PlaceHold])

    def test_it_is_rejected_when_nobody_agrees(self):
        for event in (
            decided(ApprovalRefused, by="staff:ben", comment="who is this?"),
            decided(ApprovalExpired, due_at=NOW),
        ):
            with self.subTest(type(event).__name__):
                self.setUp()
                self.tell(large, event)
                self.assertEqual(self.sent(), [RejectOrder])

    def test_a_change_is_looked_at_again_or_is_small_enough(self):
        self.tell(large, replace(cheaper, total="600000"))
        self.assertEqual(self.sent(), [WithdrawApproval, RequestApproval])
        self.tell(granted)
        self.assertIsNone(self.step, "that was for the order as it was")
        self.tell(cheaper)
        self.assertEqual(self.sent(), [WithdrawApproval, PlaceHold])

    def test_who_made_a_small_order_large_does_not_approve_it(self):
        self.tell(paid).tell(replace(cheaper, total="600000"), by="staff:ben")
        self.assertEqual(self.step.commands[-1].requested_by, "staff:ben")
        self.tell(replace(cheaper, total="700000"), by="channel:import")
        self.assertEqual(self.step.commands[-1].requested_by, "staff:ben")

    def test_an_approval_that_somebody_withdrew_is_asked_for_again(self):
        self.tell(large, decided(ApprovalWithdrawn, reason="not mine"))
        self.assertEqual((self.sent(), self.state.attempt), ([RequestApproval], 2))


class Ending(Told):
    def test_a_person_can_have_it_undone_and_the_order_says_so_first(self):
        self.tell(paid, held(), CompensationRequested(saga="orders.fulfilment", key=str(ID), reason="fraud"))
        self.assertEqual(self.step.commands, (CancelOrder(order_id=ID, reason="fraud"),))
        self.tell(cancelled)
        self.assertEqual((self.sent(), self.step.finished), ([VoidHold], "cancelled"))

    def test_a_confirmed_order_that_is_cancelled_later_gets_its_money_back(self):
        self.tell(paid, held(), OrderConfirmed(order_id=ID, hold_id=hold_id())).tell(cancelled, late=True)
        self.assertEqual(self.sent(), [VoidHold])

    def test_a_hold_that_comes_after_the_end_is_released_unless_it_is_the_one_that_counts(self):
        self.tell(paid, cancelled).tell(held(), late=True)
        self.assertEqual(self.sent(), [VoidHold])
        self.setUp()
        self.tell(paid, held(), OrderConfirmed(order_id=ID, hold_id=hold_id())).tell(held(), late=True)
        self.assertIsNone(self.step)

    def test_nothing_waits_longer_than_somebody_may_take_to_decide(self):
        self.assertLess(CONFIRM_WITHIN, timedelta(hours=1))
