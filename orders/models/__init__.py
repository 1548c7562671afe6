"""Rows: what commands change and what projections fill."""

from orders.models.read import OrderDetail, OrderSummary, TimelineEntry
from orders.models.write import Order

__all__ = ["Order", "OrderDetail", "OrderSummary", "TimelineEntry"]
