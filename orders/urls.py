"""Addresses of orders."""

from django.urls import path

from orders.api import CancelView, OrderEventsView, OrdersView, OrderView, RefundView, TimelineView

urlpatterns = [
    path("api/v1/orders", OrdersView.as_view()),
    path("api/v1/orders/<uuid:order_id>", OrderView.as_view()),
    path("api/v1/orders/<uuid:order_id>/cancel", CancelView.as_view()),
    path("api/v1/orders/<uuid:order_id>/refund", RefundView.as_view()),
    path("api/v1/orders/<uuid:order_id>/events", OrderEventsView.as_view()),
    path("api/v1/orders/<uuid:order_id>/timeline", TimelineView.as_view()),
]
