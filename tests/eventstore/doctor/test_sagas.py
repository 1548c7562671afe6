"""The doctor and the metrics know sagas that stand still, and say what to do."""

from datetime import timedelta

from django.db.models import F
from prometheus_client.parser import text_string_to_metric_families

from eventstore import sagas
from eventstore.doctor import sagas as looks
from eventstore.models import SagaCommand, SagaDeadline, SagaInstance
from eventstore.testing import deliver_everything
from tests.eventstore.sagas.test_engine import Trips
from tests.eventstore.sagas.trips import Seats, book


def broken(wanted):
    raise LookupError("the line is dead")


class Looks(Trips):
    def setUp(self):
        super().setUp()
        book("over")
        deliver_everything()
        Seats.rule = staticmethod(broken)
        book("a")
        deliver_everything()

    def told(self, look):
        (report,) = look()
        return report.level, report.fact, report.fix

    def test_all_is_well_while_everything_is_tried(self):
        for look in (looks.troubles, looks.commands, looks.deadlines):
            self.assertEqual(self.told(look)[0], "ok")

    def test_trouble_is_told_with_its_newest_sentence(self):
        SagaInstance.objects.filter(key="a").update(trouble="test.reserve_seat failed 5 times")
        level, fact, fix = self.told(looks.troubles)
        self.assertEqual((level, fact), ("finding", "1 saga in trouble, the newest: test.reserve_seat failed 5 times"))
        self.assertIn(str(self.row().pk), fix)

    def test_a_command_that_is_due_and_that_nobody_begins(self):
        sagas.compensate(self.row().pk, "please")
        deliver_everything()
        SagaCommand.objects.filter(step=2).update(due_at=F("due_at") - timedelta(hours=1))
        self.assertEqual(self.told(looks.commands)[0], "ok", "it waits for the one before, and that one for its next attempt")
        SagaCommand.objects.filter(state="waiting", step=1).update(due_at=F("due_at") - timedelta(minutes=3))
        level, fact, _ = self.told(looks.commands)
        self.assertEqual(level, "finding")
        self.assertRegex(fact, r"^2 commands of sagas waiting, one due for 1\d\d s")

    def test_a_command_that_fails_for_long_is_mentioned(self):
        SagaCommand.objects.filter(state="waiting").update(sent_at=F("sent_at") - timedelta(minutes=20))
        self.assertEqual(self.told(looks.commands)[:2], ("advice", "1 command of sagas waiting, the oldest since 20 minutes ago"))

    def test_a_deadline_that_nobody_fires(self):
        SagaDeadline.objects.filter(state="waiting").update(due_at=F("due_at") - timedelta(minutes=7))
        level, fact, _ = self.told(looks.deadlines)
        self.assertEqual(level, "finding")
        self.assertIn("1 deadline of sagas passed and not fired", fact)

    def test_the_metrics_tell_the_same(self):
        SagaInstance.objects.filter(key="a").update(trouble="stuck")
        SagaDeadline.objects.filter(state="waiting").update(due_at=F("due_at") - timedelta(minutes=7))
        families = text_string_to_metric_families(self.client.get("/metrics").content.decode())
        told = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples if "saga" in s.name}
        self.assertEqual(told["daybook_sagas", "test.trip", "running"], 1)
        self.assertEqual(told["daybook_sagas", "test.trip", "compensating"], 0)
        self.assertEqual(told["daybook_sagas_troubled", "test.trip"], 1)
        self.assertEqual((told["daybook_saga_commands_waiting",], told["daybook_saga_deadlines_overdue",]), (1, 1))
        self.assertGreater(told["daybook_saga_commands_oldest_seconds",], 0)
