"""Start everything on this machine: servers, web, worker, beat; see config/local/opening.py."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.local.opening import open_shop


class Command(BaseCommand):
    help = "Start PostgreSQL, Valkey, the web server, a worker and beat on this machine; Ctrl-C stops them all."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="port of the web server (8000)")
        parser.add_argument("--no-seed", action="store_true", help="no demo data on the first run")
        parser.add_argument("--data-dir", help="where the data are kept (a folder of this checkout's own below the cache)")
        parser.add_argument("--check", action="store_true", help="place one order over HTTP, show its way, stop")

    def handle(self, *args: Any, **options: Any) -> None:
        open_shop(port=options["port"], seed=not options["no_seed"], check=options["check"])
