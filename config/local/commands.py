"""What a command needs before Django starts: settings, and servers when it will ask the database."""

import argparse
import atexit
import os
import sys
from io import TextIOWrapper
from pathlib import Path

from config.local import servers
from config.local.errors import CannotRun
from config.local.locks import alone

#: These look at the code only, or bring servers of their own.
WITHOUT_SERVERS = {
    "benchmark",
    "chaos",
    "check",
    "checks",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "spectacular",
    "startapp",
    "startproject",
    "up",
    "version",
}

#: Files in a data directory: its database got its tables; somebody is at it.
MIGRATED = "migrated"
MIGRATING = "migrating.lock"


def execute(arguments: list[str]) -> None:
    """Run a command of manage.py; what this machine cannot do is said in one sentence."""
    command = arguments[1] if len(arguments) > 1 else "help"
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no arrows is no reason to stop
    try:
        prepare(command, arguments[2:])
        from django.core.management import execute_from_command_line

        execute_from_command_line(arguments)
    except CannotRun as sentence:
        sys.exit(str(sentence))
    except KeyboardInterrupt:
        sys.exit(130)


def prepare(command: str, options: list[str]) -> None:
    """Choose the settings, and have servers running where they are needed."""
    if command == "test":
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.test_settings")
        if not needs_help(options):
            use_temporary_servers()
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if command == "up" and not needs_help(options):
        choose_data_dir(options)
    if needs_servers(command, options):
        running = servers.ensure_running()
        if running and running.postgres in running.wanted and command != "migrate":
            migrate_once(running.data)


def needs_servers(command: str, options: list[str]) -> bool:
    """Will this command ask the database?"""
    if command.startswith("-") or command in WITHOUT_SERVERS or needs_help(options):
        return False
    return not (command == "makemigrations" and {"--check", "--dry-run"} & set(options))


def needs_help(options: list[str]) -> bool:
    return "--help" in options or "-h" in options


def choose_data_dir(options: list[str]) -> None:
    """Where `up` keeps its data: known before the settings are read, because they name the database."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--data-dir")
    parser.add_argument("--check", action="store_true")
    chosen, _ = parser.parse_known_args(options)
    if chosen.data_dir:
        os.environ["DAYBOOK_DATA_DIR"] = str(Path(chosen.data_dir).expanduser().absolute())
    elif chosen.check:
        use_temporary_servers(durable=True)


def use_temporary_servers(*, durable: bool = False) -> None:
    """Servers for this process alone, unless the environment names some: `up` may go on running beside it."""
    fresh = servers.temporary(
        durable=durable,
        postgres=not os.environ.get("DATABASE_URL"),
        valkey=not os.environ.get("REDIS_URL"),
    )
    running = fresh.__enter__()
    atexit.register(fresh.__exit__, None, None, None)
    os.environ.update(running.environment())


def migrate_once(data: Path) -> None:
    """A database that was just made has no tables yet."""
    with alone(data / MIGRATING):
        if not (data / MIGRATED).exists():
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0, interactive=False)
            (data / MIGRATED).touch()
