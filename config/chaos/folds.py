"""The read tables once more, folded from the log by hand: slow, short, and written without a look at the projections."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from config.chaos.checker import Logged, Table

Rows = dict[Any, dict[str, Any]]


def fold_orders(log: Iterable[Logged]) -> dict[str, Table]:
    """What orders_ordersummary, orders_orderdetail and orders_timelineentry must hold, by primary key."""
    orders: Rows = defaultdict(dict)
    timeline: Rows = {}
    for event in sorted(log, key=lambda event: (event.stream, event.version)):
        if not event.name.startswith("orders."):
            continue
        data, order_id = event.data, UUID(event.data["order_id"])
        order = orders[order_id]
        order |= {"version": event.version, "changed_at": event.recorded_at}
        match event.name:
            case "orders.order_placed":
                empty = {"status": "placed", "refunded": 0, "refunds": [], "cancel_reason": "", "external_id": data["external_id"]}
                order |= empty | {"currency": data["currency"], "placed_at": event.occurred_at}
            case "orders.order_cancelled":
                order |= {"status": "cancelled", "cancel_reason": data["reason"]}
            case "orders.order_refunded":
                order |= {"refunded": int(data["refunded_total"]), "refunds": [*order["refunds"], data]}
        if "lines" in data and "customer_ref" in data:
            order |= {"customer_ref": data["customer_ref"], "lines": data["lines"], "charges": data["charges"]}
            order |= {"total": int(data["total"]), "line_count": len(data["lines"])}
        timeline[event.id] = {"order_id": order_id, "version": event.version, "name": event.name, "happened_at": event.occurred_at}
    only_detail = {"lines", "charges", "refunds", "cancel_reason", "external_id"}
    summaries = {key: {name: value for name, value in order.items() if name not in only_detail} for key, order in orders.items()}
    details = {key: {name: value for name, value in order.items() if name != "line_count"} for key, order in orders.items()}
    return {"orders_ordersummary": summaries, "orders_orderdetail": details, "orders_timelineentry": timeline}
