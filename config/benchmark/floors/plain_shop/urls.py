"""One address."""

from django.urls import path

from config.benchmark.floors.plain_shop.api import OrdersView

urlpatterns = [path("orders", OrdersView.as_view())]
