"""Settings: one file, read from the environment. Machines differ by environment, not by file."""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from config import env, logs
from config.local import places
from config.local.servers import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

#: A demo on this machine: set by `manage.py up`. Never in production.
DEMO = env.flag("DAYBOOK_DEMO")
DEBUG = False
#: Made for this checkout and kept with its data when the environment names none; several machines must share one.
SECRET_KEY = env.text("DJANGO_SECRET_KEY") or secret_key(places.data_dir())
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
#: Which code handled an event; recorded with every failure.
CODE_VERSION = env.text("CODE_VERSION", "unversioned")
#: Whoever wants /metrics has to send it as a bearer token; without it they are open.
METRICS_TOKEN = env.text("METRICS_TOKEN")

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "orders.apps.OrdersConfig",
    "ledger.apps.LedgerConfig",
    "eventstore.apps.EventStoreConfig",
    "config.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "rest_framework",
    "rest_framework_api_key",
    # The witness of `manage.py chaos`; last, so that every event of the house is known to it. Never in production.
    *(["config.chaos"] if env.flag("DAYBOOK_CHAOS") else []),
]

MIDDLEWARE = [
    "eventstore.api.middleware.RequestFacts",
    "config.requests.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_URL = env.text("DATABASE_URL") or places.database_url()
REDIS_URL = env.redis(env.text("REDIS_URL") or places.redis_url())

DATABASES = {"default": env.database(DATABASE_URL) | {"CONN_MAX_AGE": 0}}
DATABASES["default"]["OPTIONS"] |= {
    "pool": {"min_size": 1, "max_size": env.integer("DATABASE_POOL", 16), "timeout": 10},
    # For our own statements (psycopg.Cursor, prepare=True), which Django's default would plan anew each time. Django's ORM does
    # not prepare. A pooler between us and PostgreSQL must know prepared statements: PgBouncer does from 1.22 on.
    "prepare_threshold": 5,
    # A writer waits for a partition's head this long and no longer; a stopped process does not hold its locks for ever.
    "options": "-c lock_timeout=5s -c idle_in_transaction_session_timeout=10s",
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "eventstore.api.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Daybook",
    "VERSION": "1",
    "DESCRIPTION": "Orders and ledger of a shop's back office, and the events that tell what happened.",
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": (),
    "POSTPROCESSING_HOOKS": ["eventstore.api.openapi.complete"],
}

LOGGING = logs.logging_settings(
    style=env.choice("DAYBOOK_LOG", ("json", "console", "auto"), "auto"),
    level=env.choice("DAYBOOK_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
)

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True

#: Everything comes from here, nothing is inline, nobody frames us. Pages that need more say so in their view.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True

CELERY_BROKER_URL = env.broker(REDIS_URL)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
# Early: a hint that dies with its worker costs a second, until the next sweep. Late would bring it back after the visibility
# timeout, long expired; and Celery 5.7 ends the whole worker when a task of before a broker's restart is acknowledged after it.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_TIME_LIMIT = 60
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 120, "unacked_restore_interval": 10, "socket_connect_timeout": 1}
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
#: No file of its own: every entry of the timetable is a sweep, so nothing is lost when beat forgets when it last ran.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_TIMEZONE = "UTC"

EVENTSTORE = {
    "PARTITIONS": env.integer("EVENTSTORE_PARTITIONS", 16),
    "REDIS_URL": REDIS_URL,
    "LOCK_TIMEOUT": timedelta(seconds=5),
    "WITHOUT": tuple(env.words("EVENTSTORE_WITHOUT")),
}
