"""Approvals on PostgreSQL: rows and events together, in the story that asked, ended once, whoever comes at the same time."""

import threading
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test import TestCase, TransactionTestCase, tag

from eventstore import tasks
from eventstore.approvals import (
    ExpireApproval,
    GrantApproval,
    WithdrawApproval,
    approvals,
    expire_due,
    handle,
    refusal,
    state_of,
    sweeps,
    withdraw_moved,
)
from eventstore.context import acting
from eventstore.delivery.checkpoints import lay_out
from eventstore.errors import Refused, StreamMoved
from eventstore.log import read_stream, unit_of_work
from eventstore.messages import command_name, dispatch, registered_commands
from eventstore.models import Approval
from tests.eventstore.approvals.examples import ID, SUBJECT, ask_for, change, grant
from tests.ledger.test_races import at_once, outcome


def history(approval_id: UUID = ID) -> list[str]:
    return [envelope.name.removeprefix("approvals.") for envelope in read_stream(approvals.stream(approval_id))]


class ApprovalCase(TestCase):
    def setUp(self):
        change()

    def assertProved(self, approval_id: UUID = ID) -> Approval:
        """The row is the fold of its stream."""
        row = Approval.objects.get(pk=approval_id)
        envelopes = read_stream(approvals.stream(approval_id))
        self.assertEqual((state_of(row), row.version), (approvals.fold(e.event for e in envelopes), len(envelopes)))
        return row


class Carrying(ApprovalCase):
    def test_rows_are_the_fold_of_their_stream(self):
        ask_for(due_in=60, facts={"total": "12.00 GBP"}, needed=2)
        self.assertProved()
        grant("staff:ben")
        self.assertProved()
        grant("key:eve")
        row = self.assertProved()
        self.assertEqual(history(), ["requested", "granted_in_part", "granted"])
        self.assertEqual((row.state, row.granted_by), ("granted", ["staff:ben", "key:eve"]))
        self.assertIsNotNone(row.ended_at)

    def test_due_times_are_those_of_the_database(self):
        with patch("eventstore.clock.now", side_effect=AssertionError("the clock of this process")):
            row = ask_for(due_in=60)
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM %s - clock_timestamp())", [row.due_at])
            self.assertAlmostEqual(float(cursor.fetchone()[0]), 60, delta=5)

    def test_everything_stays_in_the_story_that_asked(self):
        with acting(correlation="story-1", causation="placed-1"):
            ask_for()
        with acting(correlation="another request"):
            grant("staff:ben")
        asked, granted = read_stream(approvals.stream(ID))
        self.assertEqual((asked.facts["correlation"], asked.facts["causation"]), ("story-1", "placed-1"))
        self.assertEqual((granted.facts["correlation"], granted.facts["causation"]), ("story-1", str(asked.id)))
        self.assertEqual(granted.actor, "staff:ben")

    def test_the_version_that_somebody_saw(self):
        ask_for()
        with acting(actor="staff:ben"), self.assertRaises(StreamMoved):
            handle(GrantApproval(approval_id=ID), expected=2)

    def test_commands_are_dispatched_by_name(self):
        names = [name for name in registered_commands() if name.startswith("approvals.")]
        self.assertEqual(names, [f"approvals.{verb}" for verb in ("expire", "grant", "refuse", "request", "withdraw")])
        ask_for()
        dispatch(WithdrawApproval(approval_id=ID, reason="cancelled"))
        self.assertEqual(self.assertProved().why, "cancelled")
        self.assertEqual(command_name(ExpireApproval), "approvals.expire")


class OneQuestion(ApprovalCase):
    def test_asked_twice_under_one_id_it_is_one(self):
        ask_for()
        ask_for()
        self.assertEqual(history(), ["requested"])

    def test_under_another_id_it_waits_already(self):
        ask_for()
        with self.assertRaises(Refused) as caught:
            ask_for(approval_id=UUID(int=8))
        self.assertEqual((caught.exception.code, caught.exception.facts["approval_id"]), ("approval_pending", str(ID)))

    def test_for_other_reasons_it_is_another_question(self):
        ask_for()
        ask_for(approval_id=UUID(int=8), reasons=("late",))
        self.assertEqual(Approval.objects.filter(state="pending").count(), 2)

    def test_about_a_newer_version_it_takes_the_place_of_the_old_one(self):
        ask_for()
        change()
        ask_for(approval_id=UUID(int=8), subject_version=2)
        self.assertEqual((history(), history(UUID(int=8))), (["requested", "withdrawn"], ["requested"]))
        self.assertEqual(self.assertProved().why, "counter-1 moved on to version 2; what was asked for was version 1.")

    def test_the_table_itself_keeps_it_one(self):
        row = ask_for()
        row.id = UUID(int=9)
        with self.assertRaisesMessage(IntegrityError, "a_question_waits_once_for_an_answer"), transaction.atomic():
            row.save(force_insert=True)


class TooLate(ApprovalCase):
    def test_a_change_withdraws_what_somebody_grants_and_says_so(self):
        ask_for()
        change()
        row = grant("staff:ben")
        told = refusal(GrantApproval(approval_id=ID), row)
        self.assertEqual((row.state, told.code, told.status), ("withdrawn", "approval_withdrawn", 409))
        self.assertIn("moved on to version 2", str(told))
        self.assertEqual(history(), ["requested", "withdrawn"])

    def test_a_change_in_the_same_unit_of_work_counts(self):
        ask_for()
        with unit_of_work():
            change()
            row = grant("staff:ben")
        self.assertEqual(row.state, "withdrawn")

    def test_a_change_withdraws_early(self):
        ask_for()
        ask_for(approval_id=UUID(int=8), reasons=("late",))
        self.assertEqual(withdraw_moved(), 0)
        with acting(actor="user:ada"):
            change()
        self.assertEqual((withdraw_moved(), withdraw_moved()), (2, 0))
        moved = read_stream(approvals.stream(ID))[-1]
        self.assertEqual((moved.name, moved.actor), ("approvals.withdrawn", "system:approvals"))
        self.assertEqual(moved.facts["causation"], str(read_stream(SUBJECT)[-1].id))
        self.assertProved()

    def test_its_time_is_over_once(self):
        ask_for(due_in=3600)
        self.assertEqual(expire_due(), 0)
        Approval.objects.update(due_at=Now() - timedelta(seconds=1))
        self.assertEqual((expire_due(), expire_due()), (1, 0))
        self.assertEqual(history(), ["requested", "expired"])

    def test_whoever_is_late_is_told(self):
        ask_for(due_in=3600)
        Approval.objects.update(due_at=Now() - timedelta(seconds=1))
        row = grant("staff:ben")
        self.assertEqual((row.state, refusal(GrantApproval(approval_id=ID), row).code), ("expired", "approval_expired"))

    def test_one_that_cannot_be_ended_holds_up_no_other(self):
        for number, reason in ((7, "a"), (8, "b"), (9, "c")):
            ask_for(approval_id=UUID(int=number), reasons=(reason,), due_in=3600)
        Approval.objects.update(due_at=Now() - timedelta(seconds=1))

        def fail(command):
            if command.approval_id == UUID(int=8):
                raise StreamMoved(stream="approval-8", expected=1)
            return handle(command)

        with patch.object(sweeps, "handle", fail):
            self.assertEqual(expire_due(), 2)
        self.assertEqual(expire_due(), 1)

    def test_one_whose_row_does_not_read_holds_up_no_other(self):
        for number, reason in ((7, "a"), (8, "b"), (9, "c")):
            ask_for(approval_id=UUID(int=number), reasons=(reason,), due_in=3600)
        Approval.objects.update(due_at=Now() - timedelta(seconds=1))
        Approval.objects.filter(pk=UUID(int=7)).update(facts={"total": 1}, due_at=Now() - timedelta(seconds=9))
        self.assertEqual(expire_due(), 2)

    def test_beat_calls_both(self):
        ask_for(due_in=3600)
        ask_for(approval_id=UUID(int=8), reasons=("late",))
        Approval.objects.filter(pk=ID).update(due_at=Now() - timedelta(seconds=1))
        change()
        tasks.due()
        self.assertEqual(set(Approval.objects.values_list("state", flat=True)), {"expired", "withdrawn"})


@tag("slow")
class Races(TransactionTestCase):
    """Real threads on real PostgreSQL."""

    def setUp(self):
        lay_out()

    def questions(self, count: int, **wanted) -> list[UUID]:
        for number in range(count):
            change(f"counter-{number}")
            ask_for(approval_id=UUID(int=100 + number), subject=f"counter-{number}", **wanted)
        return [UUID(int=100 + number) for number in range(count)]

    def together(self, *acts) -> None:
        """Let these go at once, each in a thread of its own."""
        gate = threading.Barrier(len(acts))

        def run(act) -> None:
            try:
                gate.wait()
                act()
            finally:
                connection.close()

        running = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    def test_many_who_grant_at_once_are_as_many_as_were_needed(self):
        change()
        ask_for(needed=3)
        ended = at_once(8, lambda number: [outcome(grant, f"staff:p{number}")])
        self.assertEqual(ended, {"done": 3, "approval_granted": 5})
        self.assertEqual(history(), ["requested", "granted_in_part", "granted_in_part", "granted"])
        self.assertEqual(len(set(Approval.objects.get(pk=ID).granted_by)), 3)

    def test_one_person_at_many_doors_is_one(self):
        change()
        ask_for(needed=2)
        doors = ["staff:ben", "key:ben", "user:ben", "shell:ben"]
        ended = at_once(4, lambda number: [outcome(grant, doors[number])])
        self.assertEqual(ended, {"done": 1, "four_eyes_required": 3})

    def test_a_question_asked_by_many_at_once_waits_once(self):
        change()
        ended = at_once(8, lambda number: [outcome(ask_for, approval_id=UUID(int=100 + number))])
        self.assertEqual(ended["done"], 1)
        self.assertEqual(Approval.objects.filter(state="pending").count(), 1)

    def test_it_is_granted_or_it_expires_and_never_both(self):
        ids = self.questions(12, due_in=0.4)
        for approval_id in ids:
            self.together(lambda approval_id=approval_id: outcome(grant, "staff:ben", approval_id), expire_due, expire_due)
        while Approval.objects.filter(state="pending").exists():
            expire_due()
        for approval_id in ids:
            self.assertIn(history(approval_id), (["requested", "granted"], ["requested", "expired"]))

    def test_what_is_granted_had_not_changed_yet(self):
        """The order of positions is the order of commits: a grant stands before the change, or there is none."""
        ids = self.questions(30)
        for number, approval_id in enumerate(ids):
            self.together(
                lambda approval_id=approval_id: outcome(grant, "staff:ben", approval_id), lambda number=number: change(f"counter-{number}")
            )
        ends = []
        for number, approval_id in enumerate(ids):
            last, moved = read_stream(approvals.stream(approval_id))[-1], read_stream(f"counter-{number}")[-1]
            if last.name == "approvals.granted":
                self.assertLess(last.recorded_at, moved.recorded_at, "it was granted although its subject had changed")
            ends.append(last.name)
        self.assertLessEqual(set(ends), {"approvals.granted", "approvals.withdrawn"})
