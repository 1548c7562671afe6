"""What the stories about absences are told with: a rule, records, and time that passes."""

from datetime import timedelta

from django.db.models import F

from eventstore.absences import Absence
from eventstore.context import acting
from eventstore.delivery import forget_consumer, transport
from eventstore.delivery.checkpoints import lay_out
from eventstore.log import ANY, append, read_stream, unit_of_work
from eventstore.models import Alert, Awaited
from tests.eventstore.examples import Noted, Raised

HOUR = timedelta(hours=1)


def record(stream: str, *events, **facts) -> None:
    with acting(**facts), unit_of_work():
        append(stream, events, expected=ANY)


def let_pass(**span) -> None:
    """The time of the database cannot be moved, so what waits is made older."""
    back = timedelta(**span)
    Awaited.objects.update(due_at=F("due_at") - back)


def told(alert: Alert) -> list[str]:
    return [envelope.name.removeprefix("eventstore.alert_") for envelope in read_stream(alert.stream)]


class Ruled:
    """A rule of the test: whoever raises a counter writes down why, within an hour."""

    crosses = False

    def setUp(self):
        transport().flush()
        options = {"key": lambda event, envelope: envelope.stream.rpartition("-")[2]} if self.crosses else {}
        self.rule = Absence(
            "test.unexplained",
            after=Raised,
            until=Noted,
            within=HOUR,
            when=lambda event: event.by > 1,
            says="{key} was raised {age} ago and nobody said why.",
            **options,
        )
        self.addCleanup(forget_consumer, "test.unexplained")
        lay_out()
