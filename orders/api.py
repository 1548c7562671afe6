"""Orders over HTTP: bodies into commands, read tables into answers.

Next: orders/handlers.py carries a command out.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta

from eventstore.api import (
    Answer,
    ApiView,
    ListQuery,
    Page,
    PastQuery,
    Problem,
    Query,
    Question,
    RecordedEvent,
    Wish,
    accepts,
    from_cursor,
    paginate,
    read_moment,
    reads,
    show_event,
    to_cursor,
)
from eventstore.log import NEW, read_stream
from eventstore.messages import Value
from eventstore.moments import tell_until
from orders.commands import CancelOrder, PlaceOrder, RefundOrder, UpdateOrder
from orders.domain import orders
from orders.handlers import handle
from orders.models.read import OrderDetail
from orders.models.write import Order
from orders.projections import order_detail
from orders.queries import (
    ListedOrder,
    ShownOrder,
    TimelineSentence,
    Totals,
    find_order,
    find_orders,
    show_detail,
    show_summary,
    timeline_of,
)


class ChangedOrder(Value):
    """An order right after a command."""

    id: UUID
    version: int
    status: str
    currency: str
    customer_ref: str
    totals: Totals
    lines: list[Any]
    charges: list[Any]


class OrdersQuery(ListQuery):
    """Which orders."""

    status: Literal["placed", "confirmed", "rejected", "cancelled"] | None = None
    customer_ref: Annotated[str, Meta(max_length=200)] | None = None
    currency: Annotated[str, Meta(max_length=3)] | None = None
    created_gte: Annotated[datetime, Meta(tz=True)] | None = None
    created_lt: Annotated[datetime, Meta(tz=True)] | None = None


class OrdersPage(Page, frozen=True, kw_only=True):
    data: list[ListedOrder]


class OrderEventsPage(Page, frozen=True, kw_only=True):
    data: list[RecordedEvent]


class TimelinePage(Page, frozen=True, kw_only=True):
    data: list[TimelineSentence]


class OrdersView(ApiView):
    @accepts(PlaceOrder, scope="orders:write", answer=ChangedOrder, status=201)
    def post(self, wish: Wish[PlaceOrder]) -> Answer:
        """Place an order."""
        expected = None if "order_id" in wish.sent else NEW
        return show(handle(wish.command, expected=expected), status=201)

    @reads(OrdersQuery, scope="orders:read", projection="orders.order_list", answer=OrdersPage)
    def get(self, question: Question[OrdersQuery]) -> Answer:
        """List orders, newest first."""
        query = question.query
        found = find_orders(
            status=query.status,
            customer_ref=query.customer_ref,
            currency=query.currency,
            created_gte=query.created_gte,
            created_lt=query.created_lt,
        )
        return Answer(body=paginate(found, query, by="order_id", show=show_summary))


class OrderView(ApiView):
    @reads(PastQuery, scope="orders:read", projection="orders.order_detail", answer=ShownOrder)
    def get(self, question: Question[PastQuery], order_id: UUID) -> Answer:
        """Read one order, as it is or as it was."""
        if (told := question.query.as_of) is not None:
            past = past_order(order_id, told)
            return Answer(body=past, version=past.version)
        if (order := find_order(order_id)) is None:
            raise not_here(order_id)
        return Answer(body=order, version=order.version)

    @accepts(UpdateOrder, scope="orders:write", answer=ChangedOrder, if_match=True)
    def patch(self, wish: Wish[UpdateOrder]) -> Answer:
        """Change what is ordered; what is left out stays."""
        return show(handle(wish.command, expected=wish.expected))


class CancelView(ApiView):
    @accepts(CancelOrder, scope="orders:write", answer=ChangedOrder)
    def post(self, wish: Wish[CancelOrder]) -> Answer:
        """Do not fulfil the order."""
        return show(handle(wish.command, expected=wish.expected))


class RefundView(ApiView):
    @accepts(RefundOrder, scope="orders:write", answer=ChangedOrder)
    def post(self, wish: Wish[RefundOrder]) -> Answer:
        """Take lines back and owe their price."""
        return show(handle(wish.command, expected=wish.expected))


class OrderEventsView(ApiView):
    @reads(ListQuery, scope="orders:read", answer=OrderEventsPage)
    def get(self, question: Question[ListQuery], order_id: UUID) -> Answer:
        """Read the events of one order, oldest first, as they were recorded."""
        query = question.query
        after = read_version(query.cursor) if query.cursor else 0
        found = read_stream(orders.stream(order_id), after=after, limit=query.limit + 1)
        if not found and not after:
            raise not_here(order_id)
        shown = [show_event(envelope) for envelope in found[: query.limit]]
        more = len(found) > query.limit
        return Answer(body=OrderEventsPage(data=shown, next_cursor=to_cursor(str(shown[-1].version)) if more else None, has_more=more))


class TimelineView(ApiView):
    @reads(scope="orders:read", projection="orders.timeline", answer=TimelinePage)
    def get(self, question: Question[Query], order_id: UUID) -> Answer:
        """What happened to the order, in sentences."""
        if not (told := timeline_of(order_id)):
            raise not_here(order_id)
        return Answer(body=TimelinePage(data=told))


def show(order: Order, status: int = 200) -> Answer:
    """An order that a command has just changed."""
    body = ChangedOrder(
        id=order.id,
        version=order.version,
        status=order.status,
        currency=order.currency,
        customer_ref=order.customer_ref,
        totals=Totals.of(int(order.total), int(order.refunded), order.charges),
        lines=order.lines,
        charges=order.charges,
    )
    return Answer(body=body, status=status, version=order.version, location=f"/api/v1/orders/{order.id}")


def past_order(order_id: UUID, told: str) -> ShownOrder:
    """One order as its read table would have it if nothing had happened since: the same handlers, in memory. Raises Problem, Refused."""
    past = tell_until(orders.stream(order_id), read_moment(told))
    row = order_detail.past_row(str(order_id), past.envelopes)
    assert isinstance(row, OrderDetail)  # the first event of an order makes the row
    return show_detail(row, past.as_of)


def not_here(order_id: UUID) -> Problem:
    return Problem("order_not_found", f"There is no order {order_id}, or its read table does not know it yet.", status=404)


def read_version(cursor: str) -> int:
    told = from_cursor(cursor)
    if not (told.isascii() and told.isdecimal() and len(told) < 10):
        raise Problem("invalid_cursor")
    return int(told)
