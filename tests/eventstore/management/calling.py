"""Commands as a shell sees them: what they print, what they complain about, their exit code."""

import json
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError


class Called:
    """One call of a command."""

    def __init__(self, *words: str) -> None:
        out, err = StringIO(), StringIO()
        self.code, self.complaint = 0, ""
        try:
            call_command(*words, stdout=out, stderr=err)
        except CommandError as error:
            self.code, self.complaint = error.returncode, str(error)
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def json(self) -> Any:
        """The one document that was printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The documents that were printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]
