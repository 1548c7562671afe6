"""Lint, types, import contracts, templates, migrations; see config/local/code_checks.py."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.local.code_checks import run_checks


class Command(BaseCommand):
    help = "Check the code without running it: ruff, mypy, import contracts, templates, migrations."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if failed := run_checks():
            print(f"Failed: {', '.join(failed)}.")
            sys.exit(1)
        print("All checks passed.")
