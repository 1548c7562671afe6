"""What staff do about dead letters: the poisoned event is dealt with, everything behind it follows in order."""

import time
from threading import Thread

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase

from eventstore.context import acting
from eventstore.delivery import checkpoints, drain, repairs, transport
from eventstore.delivery.dry_runs import dry_run
from eventstore.delivery.groups import groups, keys_of, look_after
from eventstore.errors import Refused
from eventstore.log import ANY, append, partition_of, read_stream, unit_of_work
from eventstore.models import Correction, FailedEvent, ParkedKey
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.eventstore.examples import Noted

STREAM = "counter-29"
LANE = partition_of(STREAM)
WHY = "the customer called"


class Repairing(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self)
        self.told.rule = self.refuse
        self.poison = {2}
        record(STREAM)
        record(STREAM, by=13)
        record(STREAM, 2)
        drain(self.told.consumer, LANE)
        self.parked = ParkedKey.objects.get()
        acting_ada = acting(actor="user:ada")
        acting_ada.__enter__()
        self.addCleanup(acting_ada.__exit__, None, None, None)

    def refuse(self, envelope):
        if envelope.version in self.poison and envelope.event.by == 13:
            raise ValueError("unlucky")

    def versions(self):
        return [version for _, version in self.told.seen]

    def state(self):
        self.parked.refresh_from_db()
        return self.parked.state

    def test_retried_after_the_fix_it_takes_its_followers_along(self):
        self.poison.clear()
        self.assertEqual([acted.became for acted in repairs.retry([self.parked.pk], WHY)], ["processed"])
        self.assertEqual((self.versions(), self.state()), ([1, 2, 3, 4], "resolved"))

    def test_retried_without_a_fix_it_failed_again(self):
        self.assertEqual([acted.became for acted in repairs.retry([self.parked.pk], WHY)], ["failed again"])
        self.assertEqual(self.versions(), [1])

    def test_skipped_it_is_left_out_and_the_others_follow(self):
        self.assertEqual([acted.became for acted in repairs.skip([self.parked.pk], WHY)], ["skipped"])
        self.assertEqual((self.versions(), self.state()), ([1, 3, 4], "resolved"))
        self.assertTrue(FailedEvent.objects.get().skipped)

    def test_skipping_the_last_one_frees_the_stream(self):
        record("counter-1")
        record("counter-1", by=13)
        drain(self.told.consumer, partition_of("counter-1"))
        last = ParkedKey.objects.get(key="counter-1")
        repairs.skip([last.pk], WHY)
        last.refresh_from_db()
        self.assertEqual(last.state, "skipped")
        record("counter-1")
        drain(self.told.consumer, partition_of("counter-1"))
        self.assertIn(("counter-1", 3), self.told.seen)

    def test_edited_it_is_handled_as_corrected_and_the_log_keeps_the_original(self):
        correction, acted = repairs.edit(self.parked.pk, {"by": 12, "note": "typo"}, WHY)
        self.assertEqual((acted.became, correction.outcome, correction.author), ("processed", "processed", "user:ada"))
        self.assertEqual({step["path"]: step["value"] for step in correction.patch}, {"/by": 12, "/note": "typo"})
        self.assertEqual(self.versions(), [1, 2, 3, 4])
        self.assertEqual(read_stream(STREAM)[1].event.by, 13)

    def test_an_edit_that_fails_again_says_so_and_can_be_edited_once_more(self):
        correction, acted = repairs.edit(self.parked.pk, {"by": 13, "note": "still"}, WHY)
        self.assertEqual((acted.became, correction.outcome), ("failed again", "failed"))
        correction, acted = repairs.edit(self.parked.pk, {"by": 1, "note": "now"}, WHY)
        self.assertEqual((acted.became, Correction.objects.count()), ("processed", 2))

    def test_an_edit_that_does_not_fit_the_schema_lists_everything_and_changes_nothing(self):
        with self.assertRaises(Refused) as refusal:
            repairs.edit(self.parked.pk, {"by": "many", "note": 7}, WHY)
        self.assertEqual({error["pointer"] for error in refusal.exception.facts["errors"]}, {"#/by", "#/note"})
        self.assertEqual((Correction.objects.count(), self.state()), (0, "retrying"))

    def test_a_dry_run_lists_what_would_change_and_changes_nothing(self):
        failed = repairs.failed_event(self.parked)
        self.assertEqual(dry_run(self.told.consumer, failed).error, "ValueError: unlucky")
        tried = dry_run(self.told.consumer, failed, {"by": 12})
        self.assertEqual(tried.error, "")
        (change,) = tried.changes
        self.assertEqual((change.table, change.inserted, change.updated, change.deleted), ("test_effect", 1, 0, 0))
        self.assertEqual([(row["stream"], row["version"]) for row in change.rows][-1:], [(STREAM, 2)])
        self.assertEqual((self.versions(), self.state()), ([1], "retrying"))

    def test_a_dry_run_inside_a_unit_of_work_leaves_no_event_behind(self):
        self.poison.clear()
        self.told.rule = lambda envelope: append("note-1", [Noted(text="told")], expected=ANY) and None
        with unit_of_work():
            append("note-2", [Noted(text="ours")], expected=ANY)
            tried = dry_run(self.told.consumer, repairs.failed_event(self.parked))
        self.assertEqual((tried.events, [change.table for change in tried.changes]), (["test.noted"], ["test_effect"]))
        self.assertEqual((len(read_stream("note-1")), len(read_stream("note-2"))), (0, 1))

    def test_an_event_that_nobody_was_shown_is_left_alone(self):
        shown = [repairs.failed_event(self.parked).id]
        self.poison = {3, 4}
        self.told.rule = lambda envelope: 1 / 0 if envelope.version in self.poison else None
        repairs.retry([self.parked.pk], WHY, events=shown)  # now the third stands at the head
        for verb in (repairs.retry, repairs.skip, repairs.discard):
            self.assertEqual([acted.became for acted in verb([self.parked.pk], WHY, events=shown)], ["gone"])
        with self.assertRaisesMessage(Refused, "Another event of the key fails by now"):
            repairs.edit(self.parked.pk, {"by": 1}, WHY, events=shown)
        self.assertEqual(self.versions(), [1, 2])

    def test_an_edit_without_a_reason_changes_nothing(self):
        with self.assertRaisesMessage(Refused, "needs a reason"):
            repairs.edit(self.parked.pk, {"by": 12}, " ")
        self.assertEqual(Correction.objects.count(), 0)

    def test_a_redirect_that_fails_there_too_is_told_and_the_key_waits_on(self):
        other = Recording(self, name="test.other")
        other.rule = lambda envelope: 1 / 0
        with self.assertRaisesMessage(Refused, "test.other could not handle it either: ZeroDivisionError: division by zero."):
            repairs.redirect([self.parked.pk], "test.other", WHY)
        self.assertEqual((self.versions(), self.state()), ([1], "retrying"))

    def test_redirected_another_consumer_takes_it(self):
        other = Recording(self, name="test.other")
        acted = repairs.redirect([self.parked.pk], "test.other", WHY)
        self.assertEqual([one.became for one in acted], ["processed"])
        self.assertEqual(self.versions(), [1, 2, 3, 4], "2 by the other one, 3 and 4 by this one")
        self.assertEqual(other.consumer.name, "test.other")

    def test_discarded_it_is_out_of_the_way_and_restored_nothing_is_lost(self):
        self.assertEqual([acted.became for acted in repairs.discard([self.parked.pk], WHY)], ["discarded"])
        record(STREAM)
        drain(self.told.consumer, LANE)
        self.assertEqual(self.versions(), [1])
        self.assertEqual([acted.became for acted in repairs.restore([self.parked.pk], WHY)], ["restored"])
        self.poison.clear()
        repairs.retry([self.parked.pk], WHY)
        self.assertEqual(self.versions(), [1, 2, 3, 4, 5])

    def test_who_comes_second_is_told_that_it_is_gone(self):
        repairs.skip([self.parked.pk], WHY)
        for verb in (repairs.retry, repairs.skip, repairs.discard):
            self.assertEqual([acted.became for acted in verb([self.parked.pk], WHY)], ["gone"])
        with self.assertRaisesMessage(Refused, "somebody else was there first"):
            repairs.edit(self.parked.pk, {"by": 1}, WHY)

    def test_every_act_is_history_with_its_reason(self):
        repairs.discard([self.parked.pk], WHY)
        told = read_stream("operations")[-1]
        self.assertEqual((told.actor, told.event.what, told.event.reason, told.event.key), ("user:ada", "discarded", WHY, STREAM))
        with self.assertRaisesMessage(Refused, "needs a reason"):
            repairs.restore([self.parked.pk], "")

    def test_failures_of_one_kind_share_a_fingerprint(self):
        for number in (36, 48):
            record(f"counter-{number}")
            record(f"counter-{number}", by=13)
        drain(self.told.consumer, LANE)
        self.assertEqual(FailedEvent.objects.values("fingerprint").distinct().count(), 1)
        self.assertEqual(FailedEvent.objects.first().place, "tests/eventstore/delivery/test_repairs.py:refuse")
        (group,) = groups()
        self.assertEqual((group.open, group.failures, group.consumer, sum(group.trend)), (3, 3, "test.recording", 3))
        look_after(group.fingerprint, assignee="ada", note="a typo in the till")
        repairs.skip([self.parked.pk], WHY)
        (group,) = groups()
        self.assertEqual((group.open, group.failures, group.assignee), (2, 3, "ada"))
        self.assertEqual(len(keys_of(group.fingerprint)), 2)


class TwoAtOnce(TransactionTestCase):
    def test_whoever_acts_and_a_worker_that_retries_lock_in_the_same_order(self):
        transport().flush()
        told = Recording(self)
        told.rule = lambda envelope: 1 / 0
        record(STREAM)
        drain(told.consumer, LANE)
        parked = ParkedKey.objects.get()

        def act():
            with unit_of_work():
                repairs.skip([parked.pk], WHY)
            connection.close()

        with transaction.atomic():
            checkpoints.hold(told.consumer, LANE)  # as parking.retry begins
            staff = Thread(target=act)
            staff.start()
            until = time.monotonic() + 4
            while not execute("SELECT 1 FROM pg_locks WHERE NOT granted") and time.monotonic() < until:
                time.sleep(0.01)
            ParkedKey.objects.select_for_update(nowait=True).get()  # as it goes on: nobody holds it
        staff.join()
        parked.refresh_from_db()
        self.assertEqual(parked.state, "skipped")
