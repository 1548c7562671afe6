"""The composition root as a Django app: it owns the commands that touch every app."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # shared_task needs the Celery app in every process, web included.
        from config import celery  # noqa: F401
