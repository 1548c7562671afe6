"""Make a key for a client of the REST API. The key is shown once and kept only as a digest."""

import difflib
import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from eventstore.clock import now
from eventstore.models import ApiKey

EXAMPLE = "Example: manage.py create_api_key --name shop --scopes orders:read,orders:write --expires-days 90"


class Command(BaseCommand):
    help = f"Make an API key. The key is shown once. {EXAMPLE}"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="Who uses it; it appears as the actor key:NAME of events.")
        parser.add_argument("--scopes", required=True, help="Separated by commas, such as orders:read,orders:write; * is all.")
        parser.add_argument("--expires-days", type=int, help="Valid for so many days; for ever without it.")
        parser.add_argument("--json", action="store_true", help='Print {"key", "name", "scopes", "prefix"}.')

    def handle(self, *, name: str, scopes: str, expires_days: int | None, **options: Any) -> None:
        if not 1 <= len(name) <= 50 or not name.isprintable():
            raise CommandError("--name has 1 to 50 printable characters.", returncode=2)
        if expires_days is not None and not 1 <= expires_days <= 36_500:
            raise CommandError("--expires-days is a number of days from 1 to 36500.", returncode=2)
        wanted = check_scopes(scopes)
        expiry = now() + timedelta(days=expires_days) if expires_days else None
        row, key = ApiKey.objects.create_key(name=name, scopes=wanted, expiry_date=expiry)
        if options["json"]:
            self.stdout.write(json.dumps({"key": key, "name": name, "scopes": wanted, "prefix": row.prefix}))
            return
        self.stdout.write(f"{key}\nA key for {name}, scopes {', '.join(wanted)}. It is not shown again.")
        self.stdout.write(f"curl -H 'Authorization: Bearer {key}' http://localhost:8000/api/v1/orders")


def check_scopes(told: str) -> list[str]:
    """The scopes of a comma-separated list. Raises CommandError with what was meant."""
    known = sorted({scope for app in apps.get_app_configs() for scope in getattr(app, "scopes", ())})
    wanted = [scope.strip() for scope in told.split(",") if scope.strip()]
    if not wanted:
        raise CommandError(f"--scopes is empty; known: {', '.join(known)}, or * for all.", returncode=2)
    for scope in wanted:
        if scope not in known and scope != "*":
            near = difflib.get_close_matches(scope, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}, or * for all."
            raise CommandError(f"There is no scope {scope}; {meant}", returncode=2)
    return wanted
