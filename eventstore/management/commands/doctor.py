"""manage.py doctor: is everything as it should be, and if not, what is to be done?"""

from typing import Any

import msgspec
from django.core.management.base import CommandError
from django.db import Error

from eventstore.doctor import Report, examine
from eventstore.management import Door


class Command(Door):
    help = "Look at everything Daybook runs on. Exit code 0: in order (perhaps with advice), 3: findings, 1: could not look."
    example = "doctor --json"
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        reports: list[Report] = []
        try:
            for report in examine():
                reports.append(report)
                if not options["json"]:
                    self._print(report)
        except Error as error:
            self._conclude(reports, as_json=options["json"], complete=False)
            fix = "Start it, look at DATABASE_URL, and run manage.py migrate."
            reason = " ".join(str(error).split()).rstrip(".?")
            raise CommandError(f"PostgreSQL did not answer: {reason}. {fix}", returncode=self.FAILED) from error
        self._conclude(reports, as_json=options["json"], complete=True)

    def _print(self, report: Report) -> None:
        style = {"ok": self.style.SUCCESS, "advice": self.style.WARNING, "finding": self.style.ERROR}[report.level]
        self.stdout.write(f"{style(f'{report.level:<8}')} {report.what}: {report.fact}" + ("." if report.fix else ""))
        if report.fix:
            self.stdout.write(f"         → {report.fix}")
        self.stdout.flush()

    def _conclude(self, reports: list[Report], *, as_json: bool, complete: bool) -> None:
        findings = [report for report in reports if report.level == "finding"]
        if as_json:
            self.tell({"complete": complete, "findings": len(findings), "reports": msgspec.to_builtins(reports)})
        if findings and complete:
            self.found(f"{len(findings)} findings." if len(findings) > 1 else "1 finding.")
        if complete and not as_json:
            self.stdout.write("Everything is in order.")
