"""How the read tables follow from events."""

from typing import TypeVar

import msgspec

from eventstore.messages import Envelope
from eventstore.projections import Projection
from orders.events import Line, OrderCancelled, OrderConfirmed, OrderEvent, OrderPlaced, OrderRefunded, OrderRejected, OrderUpdated
from orders.models.read import OrderDetail, OrderSummary, TimelineEntry

Row = TypeVar("Row", OrderSummary, OrderDetail)

order_list = Projection("orders.order_list", rows=OrderSummary, key=lambda event, envelope: event.order_id)
order_detail = Projection("orders.order_detail", rows=OrderDetail, key=lambda event, envelope: event.order_id)
timeline = Projection("orders.timeline", rows=TimelineEntry, key=lambda event, envelope: envelope.id)


@order_list.on(OrderPlaced, OrderUpdated)
def list_contents(order: OrderSummary, event: OrderPlaced | OrderUpdated, envelope: Envelope) -> OrderSummary:
    if isinstance(event, OrderPlaced):
        order.status, order.currency, order.placed_at = "placed", event.currency, envelope.occurred_at
    order.customer_ref = event.customer_ref
    order.line_count = len(event.lines)
    order.total = int(event.total)
    return _stamp(order, envelope)


@order_list.on(OrderConfirmed)
def list_confirmed(order: OrderSummary, event: OrderConfirmed, envelope: Envelope) -> OrderSummary:
    order.status = "confirmed"
    return _stamp(order, envelope)


@order_list.on(OrderRejected)
def list_rejected(order: OrderSummary, event: OrderRejected, envelope: Envelope) -> OrderSummary:
    order.status = "rejected"
    return _stamp(order, envelope)


@order_list.on(OrderCancelled)
def list_cancelled(order: OrderSummary, event: OrderCancelled, envelope: Envelope) -> OrderSummary:
    order.status = "cancelled"
    return _stamp(order, envelope)


@order_list.on(OrderRefunded)
def list_refunded(order: OrderSummary, event: OrderRefunded, envelope: Envelope) -> OrderSummary:
    order.refunded = int(event.refunded_total)
    return _stamp(order, envelope)


@order_detail.on(OrderPlaced, OrderUpdated)
def show_contents(order: OrderDetail, event: OrderPlaced | OrderUpdated, envelope: Envelope) -> OrderDetail:
    if isinstance(event, OrderPlaced):
        order.status, order.currency, order.placed_at = "placed", event.currency, envelope.occurred_at
        order.external_id, order.pay_from = event.external_id, event.pay_from
    order.customer_ref = event.customer_ref
    order.lines = msgspec.to_builtins(event.lines)
    order.charges = msgspec.to_builtins(event.charges)
    order.total = int(event.total)
    return _stamp(order, envelope)


@order_detail.on(OrderConfirmed)
def show_confirmed(order: OrderDetail, event: OrderConfirmed, envelope: Envelope) -> OrderDetail:
    order.status, order.hold_id = "confirmed", event.hold_id
    return _stamp(order, envelope)


@order_detail.on(OrderRejected)
def show_rejected(order: OrderDetail, event: OrderRejected, envelope: Envelope) -> OrderDetail:
    order.status, order.reject_reason = "rejected", event.reason
    return _stamp(order, envelope)


@order_detail.on(OrderCancelled)
def show_cancelled(order: OrderDetail, event: OrderCancelled, envelope: Envelope) -> OrderDetail:
    order.status, order.cancel_reason = "cancelled", event.reason
    return _stamp(order, envelope)


@order_detail.on(OrderRefunded)
def show_refunded(order: OrderDetail, event: OrderRefunded, envelope: Envelope) -> OrderDetail:
    order.refunded = int(event.refunded_total)
    order.refunds = [*order.refunds, msgspec.to_builtins(event)]
    return _stamp(order, envelope)


@timeline.on(OrderPlaced, OrderUpdated, OrderConfirmed, OrderRejected, OrderCancelled, OrderRefunded)
def tell(entry: TimelineEntry, event: OrderEvent, envelope: Envelope) -> TimelineEntry:
    entry.order_id = event.order_id
    entry.version = envelope.version
    entry.name = envelope.name
    entry.sentence = sentence(event)
    entry.actor = envelope.actor[:200]
    entry.happened_at = envelope.occurred_at
    return entry


def sentence(event: OrderEvent) -> str:
    """What happened, as staff would say it."""
    match event:
        case OrderPlaced():
            return f"Placed: {_count(event.lines)} for {event.total} {event.currency} (minor units)."
        case OrderUpdated():
            return f"Changed: {_count(event.lines)} for {event.total} (minor units)."
        case OrderConfirmed():
            return f"Confirmed: the money is held by hold {event.hold_id}."
        case OrderRejected():
            return f"Rejected: {event.reason}"[:300]
        case OrderCancelled():
            return f"Cancelled: {event.reason}"[:300]
        case OrderRefunded():
            return f"Refunded {event.amount} (minor units): {event.reason}"[:300]


def _count(lines: tuple[Line, ...]) -> str:
    return "1 line" if len(lines) == 1 else f"{len(lines)} lines"


def _stamp(order: Row, envelope: Envelope) -> Row:
    order.version, order.changed_at = envelope.version, envelope.recorded_at
    return order
