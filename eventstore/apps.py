"""Wiring: find every declaration, connect the log to delivery, keep the rows that a fresh database needs."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class EventStoreConfig(AppConfig):
    name = "eventstore"
    verbose_name = "Event store"
    #: What an API key may be allowed to do here.
    scopes = ("events:read", "ops:read", "ops:write", "approvals:read", "approvals:decide")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from eventstore import absences, approvals, checks  # noqa: F401
        from eventstore.delivery import wakeups
        from eventstore.log import events_committed

        autodiscover_modules("events", "publications", "domain", "reversals", "handlers", "projections", "consumers", "sagas")
        events_committed.connect(wakeups.wake_relay_soon, dispatch_uid="eventstore.wake_relay")
        post_migrate.connect(_lay_out, sender=self, dispatch_uid="eventstore.lay_out")


def _lay_out(**_: Any) -> None:
    from eventstore.delivery.checkpoints import lay_out

    lay_out()
