"""What a command needs before Django starts: settings, and servers when it will ask the database."""

import atexit
import os
import sys
from pathlib import Path

from config.local import servers
from config.local.errors import CannotRun

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

#: A data directory whose database got its tables.
MIGRATED = "migrated"


def execute(arguments: list[str]) -> None:
    """Run a command of manage.py; what this machine cannot do is said in one sentence."""
    command = arguments[1] if len(arguments) > 1 else "help"
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
        use_temporary_servers()
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if needs_servers(command, options):
        running = servers.ensure_running()
        if running and running.postgres in running.wanted and command != "migrate":
            migrate_once(running.data)


def needs_servers(command: str, options: list[str]) -> bool:
    """Will this command ask the database?"""
    if command.startswith("-") or command in WITHOUT_SERVERS or "--help" in options or "-h" in options:
        return False
    return not (command == "makemigrations" and {"--check", "--dry-run"} & set(options))


def use_temporary_servers() -> None:
    """Servers for a test run alone, unless the environment names some: `up` may go on running beside it."""
    fresh = servers.temporary(
        postgres=not os.environ.get("DATABASE_URL"),
        valkey=not os.environ.get("REDIS_URL"),
    )
    running = fresh.__enter__()
    atexit.register(fresh.__exit__, None, None, None)
    os.environ.update(running.environment())


def migrate_once(data: Path) -> None:
    """A database that was just made has no tables yet."""
    if not (data / MIGRATED).exists():
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        (data / MIGRATED).touch()
