"""The door for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "config.benchmark.floors.plain_shop.settings"

application = get_wsgi_application()
