"""What the outside may read of orders. Whoever wants more than a notification asks for the full form, or reads the order."""

from eventstore.messages import publish
from orders.events import OrderCancelled, OrderPlaced, OrderRefunded, OrderUpdated

publish(OrderPlaced, forms=("full", "notification"), notification=("order_id", "total", "currency"))
publish(OrderUpdated, forms=("full", "notification"), notification=("order_id", "total"))
publish(OrderCancelled, forms=("full", "notification"), notification=("order_id",))
publish(OrderRefunded, forms=("full", "notification"), notification=("order_id", "refund_id", "refunded_total"))
