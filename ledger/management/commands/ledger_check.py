"""Prove the ledger; see ledger/proof.py."""

import sys
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from ledger.proof import prove

FINDINGS = 3


class Command(BaseCommand):
    help = "Prove every figure of the ledger against its entries and the log: exit 0 when all agree, 3 with findings."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help='print {"findings": [{table, key, field, expected, found}]}')

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(prove())
        if options["json"]:
            self.stdout.write(msgspec.json.encode({"findings": findings}).decode())
        else:
            for finding in findings:
                self.stdout.write(str(finding))
            self.stdout.write(f"{len(findings)} findings." if findings else "Every figure agrees.")
        if findings:
            sys.exit(FINDINGS)
