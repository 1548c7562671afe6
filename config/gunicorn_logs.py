"""gunicorn's own lines, written as all others are: `gunicorn --logger-class config.gunicorn_logs.Lines`."""

import os
from logging.config import dictConfig

from gunicorn.config import Config
from gunicorn.glogging import Logger

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Lines(Logger):  # type: ignore[misc]
    """Leaves format and destination to settings.LOGGING; --log-level still decides what is worth a line."""

    def setup(self, cfg: Config) -> None:
        # The master never runs django.setup(), so the settings are applied here.
        from django.conf import settings

        super().setup(cfg)
        dictConfig(settings.LOGGING)
        self.error_log.handlers = []
        self.error_log.propagate = True
