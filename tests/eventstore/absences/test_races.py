"""Alerts raised and cleared by many at once: each once, and none that was answered."""

import threading
from unittest.mock import patch

from django.db import connection
from django.test import TransactionTestCase, tag

from eventstore.absences import raise_due, sweeps
from eventstore.log import read_stream
from eventstore.models import Alert, Awaited
from eventstore.statements import tell
from eventstore.testing import deliver_everything
from tests.eventstore.absences.ruled import Ruled, let_pass, record, told
from tests.eventstore.examples import Noted, Raised


@tag("slow")
class Races(Ruled, TransactionTestCase):
    def together(self, *acts) -> None:
        """Let these go at once, each in a thread of its own; none of them may fail."""
        gate = threading.Barrier(len(acts))
        failed: list[BaseException] = []

        def run(act) -> None:
            try:
                gate.wait()
                act()
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        running = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        self.assertEqual(failed, [])

    def test_many_sweeps_raise_each_once(self):
        for number in range(20):
            record(f"counter-{number}", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        raised = []
        self.together(*[lambda: raised.append(raise_due())] * 6)
        self.assertEqual((sum(raised), Alert.objects.count()), (20, 20))
        self.assertEqual({len(read_stream(alert.stream)) for alert in Alert.objects.all()}, {1})

    def test_a_deadline_and_its_answer_at_once(self):
        """Either the answer was first and there is no alert, or there is one and the answer cleared it."""
        for number in range(15):
            record(f"counter-{number}", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        for number in range(15):
            record(f"counter-{number}", Noted(text="at the last moment"))
        # As if every answer were recorded after the deadline: the sweep may raise what the step is about to answer.
        with patch.object(sweeps, "seen_until", lambda rule: read_stream("counter-14")[-1].recorded_at):
            self.together(raise_due, deliver_everything, raise_due)
        deliver_everything()
        self.assertEqual(raise_due(), 0)
        self.assertEqual((Awaited.objects.count(), Alert.objects.filter(state="open").count()), (0, 0))
        for alert in Alert.objects.all():
            self.assertEqual(told(alert), ["raised", "cleared"])

    def test_what_is_being_answered_is_not_raised_meanwhile(self):
        record("counter-1", Raised(by=2))
        deliver_everything()
        let_pass(hours=1)
        record("counter-1", Noted(text="at the last moment"))
        raised = []

        def sweep_first(*values):
            self.together(lambda: raised.append(raise_due()))
            return tell(*values)

        with patch.object(sweeps, "seen_until", lambda rule: read_stream("counter-1")[-1].recorded_at):
            with patch("eventstore.absences.memory.tell", sweep_first):
                deliver_everything()
            self.assertEqual((raised, raise_due()), ([0], 0))
        self.assertEqual((Awaited.objects.count(), Alert.objects.count()), (0, 0))
