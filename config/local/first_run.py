"""What the database gets before the doors open: tables, and, the first time, demo data, a login and an API key.

python -m config.local.first_run NOTES_FILE seed|no-seed
"""

import json
import os
import secrets
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import django
import psycopg
from django.conf import settings
from django.core.management import CommandError, call_command

from config.local.commands import MIGRATED, MIGRATING
from config.local.locks import alone

ADMIN = "admin"


def prepare_database(notes: Path, *, seed: bool) -> None:
    """Bring the database up to date; do once what is done once, and note it at once: this may be interrupted."""
    with alone(notes.parent / MIGRATING):
        call_command("migrate", interactive=False, verbosity=0)
        (notes.parent / MIGRATED).touch()
        publish_schemas()
    done: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {}
    if "password" not in done:
        keep(notes, done, password=make_admin())
    if not done.get("api_key"):
        keep(notes, done, api_key=make_key())
    if seed and "seeded" not in done:
        print("Making demo data; this happens once.", flush=True)
        call_command("seed")
        keep(notes, done, seeded=True)


def publish_schemas() -> None:
    """Fill the registry of schemas. What would break a reader is told and not published; that is no reason to stay closed here."""
    try:
        call_command("publish_schemas", reason="manage.py up", stdout=StringIO())
    except CommandError as finding:
        print(f"Schemas: {finding} Look with manage.py publish_schemas --check.", flush=True)


def make_admin() -> str:
    """A login for a person, with a password of this machine's own; "" when somebody has made one before."""
    from django.contrib.auth import get_user_model

    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return ""
    password = secrets.token_urlsafe(9)
    users.create_superuser(username=ADMIN, email="", password=password)
    return password


def make_key() -> str:
    """A key for the curl line; keys are shown only when they are made."""
    said = StringIO()
    call_command("create_api_key", name="demo", scopes="*", json=True, stdout=said)
    return str(json.loads(said.getvalue())["key"])


def keep(notes: Path, done: dict[str, Any], **news: Any) -> None:
    """Write the notes whole or not at all, readable by their owner only."""
    done |= news
    new = notes.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(done, file)
    new.rename(notes)


if __name__ == "__main__":
    django.setup()
    try:
        psycopg.connect(settings.DATABASE_URL, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        sys.exit(f"The database of DATABASE_URL does not answer: {error}")
    prepare_database(Path(sys.argv[1]), seed=sys.argv[2] == "seed")
