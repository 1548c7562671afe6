"""Everything that can be checked without running the code: one list, one command, one answer."""

import os
import subprocess
import sys
from typing import NamedTuple

from config.local.places import CHECKOUT


class Check(NamedTuple):
    """A tool and how it is called."""

    name: str
    arguments: tuple[str, ...]  #: of python


CHECKS = (
    Check("ruff", ("-m", "ruff", "check", ".")),
    Check("ruff format", ("-m", "ruff", "format", "--check", ".")),
    Check("mypy", ("-m", "mypy", ".")),
    # Its cache once kept a renamed module alive.
    Check("import-linter", ("-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache")),
    Check("djlint", ("-m", "djlint", "templates", "--lint", "--quiet")),
    Check("system checks", ("manage.py", "check", "--fail-level", "WARNING")),
    Check("migrations", ("manage.py", "makemigrations", "--check", "--dry-run")),
)


def run_checks() -> list[str]:
    """Run them all, show what the failing ones say, and return the names of those."""
    # makemigrations would like to ask a database whether its history is consistent; there is none here.
    quiet = "ignore:Got an error checking a consistent migration history"
    environment = os.environ | {"PYTHONWARNINGS": quiet, "PYTHONPATH": str(CHECKOUT)}
    # All at once: mypy alone takes as long as the others together.
    running = [
        subprocess.Popen(
            [sys.executable, *check.arguments],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for check in CHECKS
    ]
    failed = []
    for check, process in zip(CHECKS, running, strict=True):
        said, _ = process.communicate()
        print(f"{'ok    ' if process.returncode == 0 else 'FAILED'} {check.name}", flush=True)
        if process.returncode != 0:
            print(said, flush=True)
            failed.append(check.name)
    return failed
