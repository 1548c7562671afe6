"""The order that everybody writes, ours and the floors alike: three lines, some 400 bytes of JSON."""

from typing import Any
from uuid import UUID

from eventstore.clock import new_id
from orders.events import Line, OrderPlaced

LINES = tuple({"sku": f"TEA-{number}", "quantity": 2, "unit_price": "450"} for number in range(3))


def order_placed(order_id: UUID | None = None) -> OrderPlaced:
    """As our event."""
    lines = tuple(Line(**line) for line in LINES)  # type: ignore[arg-type]
    return OrderPlaced(order_id=order_id or new_id(), currency="EUR", customer_ref="ada@example.org", lines=lines, total="2700")


def plain_order(order_id: UUID) -> dict[str, Any]:
    """As a dict with the same content."""
    return body() | {"order_id": str(order_id), "charges": [], "total": "2700", "external_id": None}


def body() -> dict[str, Any]:
    """As a client sends it."""
    return {"currency": "EUR", "customer_ref": "ada@example.org", "lines": [dict(line) for line in LINES]}
