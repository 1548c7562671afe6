"""The environment, read and converted; what is wrong with it is said in words."""

import os
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")

#: libpq's words for what Django knows by a name of its own; all others become OPTIONS.
DJANGO_NAMES = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}


def text(name: str, default: str = "") -> str:
    """A variable as it is; set but empty counts as not set."""
    return os.environ.get(name) or default


def secret(name: str) -> str:
    """A variable without a default: a guessable secret is none."""
    if found := os.environ.get(name):
        return found
    raise ImproperlyConfigured(f"{name} is not set. Set it to a long random text (manage.py up makes one by itself).")


def flag(name: str, default: bool = False) -> bool:
    """Yes or no."""
    found = text(name, "yes" if default else "no").strip().lower()
    if found in YES:
        return True
    if found in NO:
        return False
    raise ImproperlyConfigured(f'{name} is "{found}"; use one of {", ".join(filter(None, YES + NO))}.')


def integer(name: str, default: int) -> int:
    """A whole number."""
    found = text(name, str(default))
    try:
        return int(found)
    except ValueError:
        raise ImproperlyConfigured(f'{name} is "{found}"; it must be a whole number.') from None


def choice(name: str, options: tuple[str, ...], default: str) -> str:
    """One of these."""
    found = text(name, default)
    if found in options:
        return found
    raise ImproperlyConfigured(f'{name} is "{found}"; it must be one of {", ".join(options)}.')


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in text(name, ",".join(default)).split(",") if word.strip()]


def database(url: str) -> dict[str, Any]:
    """A PostgreSQL URL as an entry of DATABASES, read by libpq's own rules (sockets and sslmode included)."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        if urlsplit(url).scheme not in ("postgres", "postgresql"):
            raise ValueError("it must begin with postgresql://")
        facts = conninfo_to_dict(url)
    except (ProgrammingError, ValueError) as error:
        # The URL itself is not shown: it may carry a password.
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}.") from None
    # HOST, not OPTIONS: manage.py dbshell looks nowhere else.
    known = {django: str(facts.pop(libpq, "")) for libpq, django in DJANGO_NAMES.items()}
    return {"ENGINE": "django.db.backends.postgresql", **known, "OPTIONS": facts}


def redis(url: str) -> str:
    """A Redis or Valkey URL as redis-py reads it: redis://, rediss:// or unix://."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.replace("valkey", "redis").replace("redis+socket", "unix")
    if not separator or scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss://, valkey://, valkeys:// or unix://.")
    return f"{scheme}://{rest}"


def broker(redis_url: str) -> str:
    """The same server as Celery reads it: kombu has its own spelling for sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    number = dict(pair.partition("=")[::2] for pair in parts.query.split("&")).get("db", "0")
    return f"redis+socket://{quote(unquote(parts.path))}?virtual_host={number}"
