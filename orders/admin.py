"""What staff see of orders, and the one thing they may do to one: cancel it, with a reason."""

import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from msgspec import structs

from eventstore.console import Act, Asked, Choice, Find, Outcome, ReadOnlyAdmin, id_in, moment, money, pill, shorten, stream_url
from eventstore.log import unit_of_work
from eventstore.projections import Lagging, wait_until
from orders.commands import CancelOrder
from orders.domain import Status, orders
from orders.handlers import handle
from orders.models import Order, OrderDetail, OrderSummary
from orders.projections import order_detail, order_list
from orders.queries import timeline_of

_amount = re.compile(r"(\d+)(?: [A-Z]{3})? \(minor units\)")
#: How the ledger says that there is too little; see ledger/domain/posting.py.
_lacking = re.compile(r"(available|requested) (-?\d+) ([A-Z]{3})\b")


class StatusFilter(Choice):
    title = "status"
    parameter_name = "status"
    options = tuple((status.value, status.value.capitalize()) for status in Status if status is not Status.NEW)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(OrderSummary)
class OrderAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Business", "r", "Orders"
    list_display = ("order_", "status_", "customer", "lines_number", "total_number", "refunded_number", "placed_", "changed_")
    list_filter = (StatusFilter,)
    search_fields = ("customer_ref",)
    search_help_text = "order id or customer, exactly"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        asked = id_in(text)
        found = Q(customer_ref=text) | Q(pk=asked) if asked else Q(customer_ref=text)
        return (queryset.filter(found) if text else queryset), False

    # The columns

    @admin.display(description="order")
    def order_(self, order: OrderSummary) -> str:
        return format_html('<span title="{}">{}</span>', order.order_id, shorten(order.order_id, keep=12))

    @admin.display(description="status")
    def status_(self, order: OrderSummary) -> str:
        return pill(order.status)

    @admin.display(description="customer")
    def customer(self, order: OrderSummary) -> str:
        return order.customer_ref

    @admin.display(description="lines")
    def lines_number(self, order: OrderSummary) -> int:
        return order.line_count

    @admin.display(description="total")
    def total_number(self, order: OrderSummary) -> str:
        return money(order.total, order.currency)

    @admin.display(description="refunded")
    def refunded_number(self, order: OrderSummary) -> str:
        return money(order.refunded, order.currency) if order.refunded else ""

    @admin.display(description="placed (UTC)")
    def placed_(self, order: OrderSummary) -> str:
        return moment(order.placed_at)

    @admin.display(description="changed")
    def changed_(self, order: OrderSummary) -> str:
        return moment(order.changed_at, relative=True)

    # One order

    def detail(self, request: HttpRequest, row: OrderSummary) -> dict[str, Any]:
        order = OrderDetail.objects.filter(pk=row.pk).first()
        written = Order.objects.filter(pk=row.pk).values_list("version", flat=True).first() or row.version
        return {
            "title": f"Order {row.pk}",
            "order": order,
            "rejected": _readable(order.reject_reason, row.currency) if order else "",
            "lines": [line | {"amount": int(line["unit_price"]) * line["quantity"]} for line in order.lines] if order else [],
            "timeline": [structs.replace(entry, sentence=_readable(entry.sentence, row.currency)) for entry in timeline_of(row.pk)],
            "around": self.whatever_is_around(request, orders.stream(row.pk)),
            "stream": orders.stream(row.pk),
            "stream_url": stream_url(orders.stream(row.pk)),
            "unseen": max(0, written - row.version),
        }

    def acts(self, row: OrderSummary) -> list[Act]:
        if row.status not in (Status.PLACED, Status.CONFIRMED) or row.refunded:
            return []
        effect = (
            f"The order of {row.customer_ref} over {money(row.total, row.currency)} will not be fulfilled. "
            "It cannot be placed again; its history stays."
        )
        cancel = partial(_cancel, row)
        shown, stream = str(row.version), orders.stream(row.pk)
        return [Act("cancel", "Cancel order…", effect, "orders.change_order", cancel, seen=shown, grave=True, stream=stream)]

    def find(self, text: str) -> list[Find]:
        asked = id_in(text.removeprefix("order-"))
        found = [
            Find("order", str(order.order_id), self.url_of(order.pk), f"{order.status}, {money(order.total, order.currency)}")
            for order in OrderSummary.objects.filter(pk__in=[asked] if asked else [])
        ]
        if asked is None and OrderSummary.objects.filter(customer_ref=text).exists():
            found.append(Find("customer", f"Orders of {text}", f"{self.list_url()}?{urlencode({'q': text})}"))
        return found


def _readable(sentence: str, currency: str) -> str:
    """The sentence with its amounts as people write them; the projection tells them in minor units, as events do."""
    told = _amount.sub(lambda found: money(found[1], currency), sentence)
    return _lacking.sub(lambda found: f"{found[1]} {money(found[2], found[3])}", told)


def _cancel(row: OrderSummary, asked: Asked) -> Outcome:
    """The command, at the version that the page showed; then wait a moment, so that the page shows what came of it."""
    seen = int(asked.seen) if asked.seen.isascii() and asked.seen.isdecimal() else -1
    with unit_of_work() as work:
        handle(CancelOrder(order_id=row.order_id, reason=asked.reason), expected=seen)
    try:
        if work.position:
            wait_until(order_list.name, work.position, seconds=1.0)
            wait_until(order_detail.name, work.position, seconds=0.2)
    except Lagging:
        return Outcome("The order is cancelled. This page is a moment behind; reload it to see that.")
    return Outcome("The order is cancelled.")
