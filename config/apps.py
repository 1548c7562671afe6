"""The composition root as a Django app: it owns the commands that touch every app."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # shared_task needs the Celery app in every process, web included.
        from config import celery, telemetry  # noqa: F401

        telemetry.start()


class ConsoleConfig(AdminConfig):
    """Django's admin with our site in it."""

    default_site = "config.admin_site.DaybookSite"

    def ready(self) -> None:
        super().ready()
        from django.contrib import admin
        from rest_framework_api_key.models import APIKey

        # The library's own table of keys, which opens nothing here; ours is eventstore.models.ApiKey.
        admin.site.unregister(APIKey)
