"""What runs here."""

import platform
import sys
from collections.abc import Iterator

import django

from eventstore.doctor.reports import Report, advice, finding, ok


def versions() -> Iterator[Report]:
    """Python 3.11 to 3.13, Django 5.2."""
    python, ours = platform.python_version(), django.get_version()
    if (3, 11) <= sys.version_info < (3, 14):
        yield ok("Python", python)
    else:
        yield advice("Python", f"{python}; Daybook is tried on 3.11 to 3.13", "Make the environment with one of those.")
    if django.VERSION[:2] == (5, 2):
        yield ok("Django", ours)
    else:
        yield finding("Django", f"{ours}; Daybook is written for 5.2", "Run pip install -r requirements.lock.")
