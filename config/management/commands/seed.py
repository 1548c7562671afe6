"""Make demo data; see config/demo."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo.seeding import VIEWER, seed
from eventstore.management import at_the_shell

WARNING = "What is recorded once is recorded for good: demo data cannot be taken out of this database again."


class Command(BaseCommand):
    help = "Make the demo's orders, payments and second login. Running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=200, help="how many orders (200)")
        parser.add_argument("--seed", type=int, default=7, help="another number tells other stories (7)")
        parser.add_argument("--anyway", action="store_true", help="even though this is no demo")
        parser.add_argument("--noinput", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["orders"] <= 100_000:
            raise CommandError(f"--orders is {options['orders']}; it goes from 1 to 100000.", returncode=2)
        if not settings.DEMO:
            self.make_sure(anyway=options["anyway"], ask=not options["noinput"])
        with at_the_shell():
            told = seed(options["orders"], options["seed"])
        if options["json"]:
            said = {name: getattr(told, name) for name in told.__struct_fields__}
            self.stdout.write(json.dumps(said, indent=2))
            return
        self.stdout.write(
            f"{told.orders_created} orders, {told.paid_orders_created} more that are paid from an account, "
            f"{told.accounts_opened} accounts, {told.events_appended} events; {told.orders_known} orders were there before."
        )
        if told.viewer_password:
            self.stdout.write(f"A second login may look at everything and change nothing: {VIEWER}, password {told.viewer_password}")

    def make_sure(self, *, anyway: bool, ask: bool) -> None:
        """Demo data do not get into real books by mistake."""
        if not anyway:
            raise CommandError(f"This is no demo (DAYBOOK_DEMO is not set). {WARNING} If you mean it, say --anyway.", returncode=2)
        if ask and input(f"{WARNING} Type yes to go on: ").strip().lower() != "yes":
            raise CommandError("Nothing was done.", returncode=1)
