"""Wiring."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"
    #: What an API key may be allowed to do here.
    scopes = ("orders:read", "orders:write")
