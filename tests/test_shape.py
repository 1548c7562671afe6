"""The shape of the house: what stands at the top, how long a file may be, which modules a domain app has."""

import subprocess
from pathlib import Path

from django.test import SimpleTestCase

ROOT = Path(__file__).resolve().parents[1]
DOMAIN_APPS = ["orders", "ledger"]
CODE = {"manage.py", "config", *DOMAIN_APPS, "eventstore", "templates", "tests"}
PROJECT = {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "docs"}
#: What every domain app has, as a module or as a package of that name; the others come when there is something to say.
EVERY_APP = {"events", "commands", "domain", "models", "handlers", "projections", "queries", "reversals"}
EVERY_APP |= {"api", "admin", "urls", "apps", "migrations", "__init__"}
SOME_APPS = {"publications", "published", "sagas", "consumers", "tasks", "channels", "proof", "management"}
LONGEST = 400


def entries(folder: Path) -> set[str]:
    """What git knows of a folder, so that caches and environments do not count."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."], cwd=folder, capture_output=True, text=True, check=True
    )
    return {path.split("/")[0] for path in listed.stdout.splitlines()}


class Shape(SimpleTestCase):
    def test_nothing_else_stands_at_the_top(self):
        found = {name for name in entries(ROOT) if not name.startswith(".")}
        self.assertEqual(found - CODE - PROJECT, set())
        self.assertLessEqual(CODE, found)

    def test_no_file_is_too_long(self):
        files = [path for name in CODE - {"manage.py"} for path in (ROOT / name).rglob("*.py") if "migrations" not in path.parts]
        long = {str(path.relative_to(ROOT)): count for path in files if (count := len(path.read_text().splitlines())) > LONGEST}
        self.assertEqual(long, {})

    def test_domain_apps_have_the_same_modules(self):
        for app in DOMAIN_APPS:
            with self.subTest(app):
                found = {name.removesuffix(".py") for name in entries(ROOT / app)}
                self.assertEqual(EVERY_APP - found, set(), "missing")
                self.assertEqual(found - EVERY_APP - SOME_APPS, set(), "has no place here")
