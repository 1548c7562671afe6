"""What else happens in the demo: one consumer that stumbles, so that the screens about failures have something true to show."""

from datetime import timedelta

from django.conf import settings

from config.demo.stories import POISON
from eventstore.delivery import Consumer, Retry
from eventstore.messages import Envelope
from orders.events import OrderPlaced, OrderUpdated

if settings.DEMO:
    fragile = Consumer("demo.fragile", retry=Retry(attempts=3, first=timedelta(seconds=2)))

    @fragile.on(OrderPlaced, OrderUpdated)
    def greet(event: OrderPlaced | OrderUpdated, envelope: Envelope) -> None:
        """Does nothing for everybody, except that it cannot do it for one."""
        if event.customer_ref == POISON:
            raise LookupError(f"{POISON} is in no address book; the demo keeps this customer out of it on purpose.")
