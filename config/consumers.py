"""What else happens in the demo: a consumer that stumbles and a rule that is not kept, so that screens have something true to show."""

from datetime import timedelta

from django.conf import settings

from config.demo.stories import POISON
from eventstore.absences import Absence
from eventstore.delivery import Consumer, Retry
from eventstore.messages import Envelope
from orders.events import OrderCancelled, OrderPlaced, OrderUpdated

if settings.DEMO:
    fragile = Consumer("demo.fragile", retry=Retry(attempts=3, first=timedelta(seconds=2)))

    @fragile.on(OrderPlaced, OrderUpdated)
    def greet(event: OrderPlaced | OrderUpdated, envelope: Envelope) -> None:
        """Does nothing for everybody, except that it cannot do it for one."""
        if event.customer_ref == POISON:
            raise LookupError(f"{POISON} is in no address book; the demo keeps this customer out of it on purpose.")

    unknown_customer = Absence(
        "demo.unknown_customer",
        after=OrderPlaced,
        until=OrderCancelled,
        within=timedelta(seconds=10),
        when=lambda event: event.customer_ref == POISON,
        says="{key} was placed {age} ago by a customer whom nobody knows. Cancel it, and this alert is cleared.",
    )
