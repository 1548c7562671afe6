"""Questions the outside may ask about orders, and the shape of the answers."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import QuerySet
from msgspec import UNSET, UnsetType

from eventstore.messages import Value
from eventstore.moments import AsOf
from orders.events import Amount, Charge, Line
from orders.models.read import OrderDetail, OrderSummary, TimelineEntry


class Totals(Value):
    """Minor units, as decimal strings."""

    items: Amount
    charges: Amount
    total: Amount
    refunded: Amount

    @classmethod
    def of(cls, total: int, refunded: int, charges: list[dict[str, Any]]) -> Self:
        extra = sum(int(charge["amount"]) for charge in charges)
        return cls(items=str(total - extra), charges=str(extra), total=str(total), refunded=str(refunded))


class ShownOrder(Value):
    """One order with everything that is known about it."""

    id: UUID
    version: int
    status: str
    currency: str
    customer_ref: str
    totals: Totals
    lines: list[Line]
    charges: list[Charge]
    refunds: list[dict[str, Any]]
    external_id: str | None
    pay_from: UUID | None
    hold_id: UUID | None
    cancel_reason: str
    reject_reason: str
    placed_at: datetime | None
    changed_at: datetime
    as_of: AsOf | UnsetType = UNSET


class ListedOrder(Value):
    """One line of the list of orders."""

    id: UUID
    version: int
    status: str
    currency: str
    customer_ref: str
    line_count: int
    total: Amount
    refunded: Amount
    placed_at: datetime | None
    changed_at: datetime


class TimelineSentence(Value):
    """One sentence of an order's history."""

    event_id: UUID
    version: int
    name: str
    sentence: str
    actor: str
    happened_at: datetime


def find_orders(
    *,
    status: str | None = None,
    customer_ref: str | None = None,
    currency: str | None = None,
    created_gte: datetime | None = None,
    created_lt: datetime | None = None,
) -> QuerySet[OrderSummary]:
    """The orders that fit everything that is given."""
    wanted = {
        "status": status,
        "customer_ref": customer_ref,
        "currency": currency,
        "placed_at__gte": created_gte,
        "placed_at__lt": created_lt,
    }
    return OrderSummary.objects.filter(**{field: value for field, value in wanted.items() if value is not None})


def find_order(order_id: UUID) -> ShownOrder | None:
    """One order as its read table has it."""
    row = OrderDetail.objects.filter(pk=order_id).first()
    return None if row is None else show_detail(row)


def show_detail(row: OrderDetail, as_of: AsOf | UnsetType = UNSET) -> ShownOrder:
    """A row with everything about one order as clients see it; `as_of` when it is one of the past."""
    told = {name: getattr(row, name) for name in ShownOrder.__struct_fields__ if name not in ("id", "totals", "as_of")}
    return ShownOrder(id=row.order_id, totals=Totals.of(int(row.total), int(row.refunded), row.charges), as_of=as_of, **told)


def timeline_of(order_id: UUID) -> list[TimelineSentence]:
    """What happened to an order, oldest first."""
    rows = TimelineEntry.objects.filter(order_id=order_id).order_by("version", "event_id")
    return [TimelineSentence(**row) for row in rows.values(*TimelineSentence.__struct_fields__)]


def show_summary(row: OrderSummary) -> ListedOrder:
    """A row of the list as clients see it."""
    told = {name: getattr(row, name) for name in ListedOrder.__struct_fields__ if name not in ("id", "total", "refunded")}
    return ListedOrder(id=row.order_id, total=str(row.total), refunded=str(row.refunded), **told)
