"""Commands carried out: load, decide, append, keep. All four or none.

Next: eventstore/log/writer.py records the events when the unit of work ends.
"""

from datetime import datetime

from eventstore.errors import StreamMoved
from eventstore.log import NEW, append, unit_of_work
from eventstore.messages import handles
from orders.commands import CancelOrder, ConfirmOrder, OrderCommand, PlaceOrder, RefundOrder, RejectOrder, UpdateOrder
from orders.domain import decide, orders
from orders.models.write import Order


@handles(PlaceOrder, UpdateOrder, ConfirmOrder, RejectOrder, CancelOrder, RefundOrder)
@unit_of_work()
def handle(command: OrderCommand, *, expected: int | None = None, occurred_at: datetime | None = None) -> Order:
    """Change one order and return it. `expected` is the version the caller has seen; NEW for an id that was just made.

    `occurred_at` is when it happened, if that was not just now: a channel reports after the fact.

    Raises Refused when the rules say no, StreamMoved when another writer was first.
    """
    # A row that cannot be there is not looked for; if it is there after all, keep() meets it.
    order = Order(id=command.order_id) if expected == NEW else Order.objects.locked(command.order_id)
    if expected is not None and order.version != expected:
        raise StreamMoved(stream=order.stream, expected=expected)
    state = order.state
    events = decide(state, command)
    if events:
        version = append(order.stream, events, expected=order.version, occurred_at=occurred_at)
        order.keep(orders.fold(events, state), version)
    return order
