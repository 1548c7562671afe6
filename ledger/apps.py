"""Wiring."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    #: What an API key may be allowed to do here.
    scopes = ("ledger:read", "ledger:write")
