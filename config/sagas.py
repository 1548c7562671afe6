"""What else goes on in the demo: one process that cannot go on, so that the screens about sagas have something true to show."""

from uuid import UUID

from django.conf import settings

from config.demo.stories import POISON
from eventstore.messages import Command, Envelope, Value, command, handles
from eventstore.sagas import CompensationRequested, Saga, Step
from orders.events import OrderPlaced

if settings.DEMO:

    @command("demo.wrap_gift")
    class WrapGift(Command):
        """Wrap an order as a gift."""

        order_id: UUID

    @handles(WrapGift)
    def wrap(wanted: WrapGift) -> None:
        """There is no paper, ever: the demo keeps it so on purpose. Somebody settles it by hand."""
        raise LookupError("There is no wrapping paper left.")

    class Wrapping(Value):
        order_id: UUID | None = None

    wrapping = Saga(
        "demo.wrapping",
        state=Wrapping,
        key=lambda event, envelope: str(event.order_id) if event.customer_ref == POISON else None,
    )

    @wrapping.starts_on(OrderPlaced)
    def wrap_it(state: Wrapping, event: OrderPlaced, envelope: Envelope) -> Step:
        return Step(state=Wrapping(order_id=event.order_id), commands=(WrapGift(order_id=event.order_id),))

    @wrapping.on_compensate
    def leave_it(state: Wrapping, event: CompensationRequested, envelope: Envelope) -> Step:
        return Step(state=state, finished="not wrapped")

    wrapping.ignores_late(OrderPlaced)
