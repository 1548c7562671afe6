"""What happens because of orders, beside their read tables: whoever waits for nothing is told."""

from datetime import timedelta

from eventstore.absences import Absence
from orders.events import OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected

unconfirmed = Absence(
    "orders.unconfirmed",
    after=OrderPlaced,
    until=(OrderConfirmed, OrderRejected, OrderCancelled),
    within=timedelta(minutes=15),
    when=lambda event: event.pay_from is not None,
    says="{key} was placed {age} ago; its money should be held, and nobody confirmed, rejected or cancelled it.",
)
