"""What happens because of orders: one that nobody confirms is an alert until somebody does."""

from datetime import timedelta
from uuid import UUID

from django.db.models import F
from django.test import TestCase
from msgspec.structs import replace

from eventstore.absences import raise_due
from eventstore.delivery import pause, transport
from eventstore.models import Alert, Awaited
from eventstore.testing import deliver_everything
from orders.commands import CancelOrder, ConfirmOrder, RejectOrder
from orders.handlers import handle
from orders.sagas import fulfilment
from tests.orders.examples import ID, place

ACCOUNT, HOLD = UUID(int=5), UUID(int=6)


class Unconfirmed(TestCase):
    def setUp(self):
        transport().flush()
        pause(fulfilment.name, "somebody else decides here")

    def a_quarter_of_an_hour_later(self) -> list[str]:
        deliver_everything()
        Awaited.objects.update(due_at=F("due_at") - timedelta(minutes=15))
        raise_due()
        return list(Alert.objects.values_list("state", flat=True))

    def test_an_order_that_is_to_be_paid_is_confirmed_in_time_or_told(self):
        handle(replace(place, pay_from=ACCOUNT))
        self.assertEqual(self.a_quarter_of_an_hour_later(), ["open"])
        self.assertIn(f"order-{ID} was placed", Alert.objects.get().says)
        handle(ConfirmOrder(order_id=ID, hold_id=HOLD))
        self.assertEqual(self.a_quarter_of_an_hour_later(), ["cleared"])

    def test_an_end_is_an_answer(self):
        for last in (RejectOrder(order_id=ID, reason="no money"), CancelOrder(order_id=ID, reason="changed their mind")):
            with self.subTest(last):
                order_id = UUID(int=100 + len(last.reason))
                handle(replace(place, order_id=order_id, pay_from=ACCOUNT))
                handle(replace(last, order_id=order_id))
                self.assertEqual(self.a_quarter_of_an_hour_later(), [])

    def test_an_order_that_is_paid_elsewhere_is_left_alone(self):
        handle(place)
        self.assertEqual(self.a_quarter_of_an_hour_later(), [])
        self.assertFalse(Awaited.objects.exists())
