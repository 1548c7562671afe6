"""Alerts over HTTP: what did not follow is listed, and somebody says what they know."""

from datetime import timedelta

from django.db.models import F

from eventstore.absences import Absence, raise_due
from eventstore.delivery import forget_consumer, transport
from eventstore.delivery.checkpoints import lay_out
from eventstore.log import ANY, append, read_stream, unit_of_work
from eventstore.models import Alert, Awaited
from eventstore.testing import deliver_everything
from tests.clients import ApiCase
from tests.eventstore.examples import Noted, Raised

ALERTS = "/api/v1/alerts"


def raise_alerts(case, *streams):
    """An alert for each of these streams, by a rule of the test."""
    transport().flush()
    Absence("test.unexplained", after=Raised, until=Noted, within=timedelta(hours=1), says="{key} was raised {age} ago, nobody said why.")
    case.addCleanup(forget_consumer, "test.unexplained")
    lay_out()
    for stream in streams:
        with unit_of_work():
            append(stream, [Raised()], expected=ANY)
        deliver_everything()
        Awaited.objects.update(due_at=F("due_at") - timedelta(hours=1))
        raise_due()
    return list(Alert.objects.order_by("pk"))


class Alerts(ApiCase):
    scopes = ("ops:read", "ops:write")

    def setUp(self):
        super().setUp()
        self.one, self.two = raise_alerts(self, "counter-1", "counter-2")

    def test_they_are_listed_newest_first_by_state_and_rule(self):
        self.assertEqual([row["key"] for row in self.api.read(ALERTS).json()["data"]], ["counter-2", "counter-1"])
        with unit_of_work():
            append("counter-1", [Noted(text="a delivery")], expected=ANY)
        deliver_everything()
        self.assertEqual([row["key"] for row in self.api.read(f"{ALERTS}?state=open").json()["data"]], ["counter-2"])
        (row,) = self.api.read(f"{ALERTS}?state=cleared&rule=test.unexplained").json()["data"]
        self.assertEqual(row["cleared_by"], str(read_stream("counter-1")[1].id))

    def test_one_is_read(self):
        told = self.api.read(f"{ALERTS}/{self.one.pk}").json()
        self.assertEqual((told["subject"], told["subject_version"], told["acknowledged_by"]), ("counter-1", 1, ""))
        self.assertIn("nobody said why", told["says"])
        self.assertProblem(self.api.read(f"{ALERTS}/{self.one.event_id}"), 404, "alert_not_found")

    def test_somebody_says_what_they_know(self):
        told = self.api.send(f"{ALERTS}/{self.one.pk}/acknowledge", {"note": "the warehouse looks"}).json()
        self.assertEqual((told["state"], told["acknowledged_by"], told["note"]), ("open", "key:shop", "the warehouse looks"))
        self.assertProblem(self.api.send(f"{ALERTS}/{self.one.pk}/acknowledge", {"note": ""}), 422, "validation_error")
        self.assertProblem(self.api.send(f"{ALERTS}/{self.one.event_id}/acknowledge", {"note": "x"}), 404, "alert_not_found")
