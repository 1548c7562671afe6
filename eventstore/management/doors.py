"""What every command has in common: --json, an example, a sentence instead of a traceback, honest exit codes.

0 is done, 1 failed, 2 was asked wrongly, 3 done or looked at, with findings.
"""

import argparse
import getpass
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.errors import EventStoreError, UnknownName


class Door(BaseCommand):
    """A command of the event store. Subclasses say `example` and `handle`."""

    example = ""
    FAILED, USAGE, FINDINGS = 1, 2, 3

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, epilog=f"Example: manage.py {self.example}", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="For machines: JSON on stdout.")

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run; what goes wrong is told in a sentence."""
        try:
            with at_the_shell():
                return super().execute(*args, **options)
        except UnknownName as error:
            raise CommandError(str(error), returncode=self.USAGE) from error
        except EventStoreError as error:
            raise CommandError(str(error), returncode=self.FAILED) from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"PostgreSQL did not answer: {str(error).strip()}", returncode=self.FAILED) from error
        except BrokenPipeError:
            # Whoever read us has seen enough, as `head` does. Python would complain once more when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None

    def tell(self, value: Any) -> None:
        """One JSON document, or one line of many, for machines."""
        self.stdout.write(json.dumps(value, default=str, ensure_ascii=False))

    def show(self, rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> None:
        """Columns for people; numbers stand on the right."""
        table = [[str(cell) for cell in row] for row in (headings, *rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
        right = [bool(rows) and all(isinstance(row[column], int | float) for row in rows) for column in range(len(headings))]
        for row in table:
            cells = zip(row, widths, right, strict=True)
            self.stdout.write("  ".join(cell.rjust(width) if on_right else cell.ljust(width) for cell, width, on_right in cells).rstrip())

    def found(self, sentence: str) -> None:
        """End with exit code 3 and this sentence."""
        raise CommandError(sentence, returncode=self.FINDINGS)


class VerbDoor(Door):
    """A command of several verbs: `verb` declares one in add_arguments, the method of its name with _ before it does it."""

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb.replace('-', '_')}")(**options)

    def verb(self, verbs: Any, name: str, help: str, example: str = "") -> CommandParser:
        """A verb with its own --help."""
        told = f"Example: manage.py {example}" if example else None
        parser: CommandParser = verbs.add_parser(name, help=help, description=help, epilog=told)
        # Said before the verb or after it: the one must not take the other back.
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="For machines: JSON on stdout.")
        return parser


@contextmanager
def at_the_shell() -> Iterator[None]:
    """Whatever is done carries the account's name as its actor, and belongs to this one call."""
    call = str(new_id())
    with acting(actor=f"shell:{account()}", request=call, correlation=call):
        yield


def account() -> str:
    """Who runs this, as the machine knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return str(os.getuid())


@contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C or SIGTERM, so that a loop ends between two steps and not within one."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals are the main thread's; a test stops it another way
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
