"""Runs: events delivered again, exactly those that were counted, in order, wherever a process dies on the way."""

from datetime import timedelta
from unittest.mock import patch

from django.db.models import F
from django.test import TestCase
from msgspec.structs import replace

from eventstore.context import acting
from eventstore.delivery import claim, resume, retry, transport
from eventstore.errors import Refused, UnknownName
from eventstore.log import partition_of, read_stream, unit_of_work
from eventstore.models import Checkpoint, ConsumerState, ParkedKey
from eventstore.runs import Selection, blasts, change, drive, paces, progress_of, redrive, replay, starting
from eventstore.testing import deliver_everything
from tests.eventstore.delivery.recording import Recording, execute, record


class Replaying(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self, replay="allow")
        for number in range(6):
            record(f"counter-{number}", 5)
        deliver_everything()
        execute("DELETE FROM test_effect")

    def start(self, selection=None, **options):
        with acting(actor="user:ada"):
            return replay("test.recording", selection or Selection(), reason="the receiver lost them", **({"effects": "run"} | options))

    def test_everything_is_delivered_again_once_and_in_order(self):
        run = self.start()
        self.assertEqual(run.total, 30)
        self.assertEqual(drive(run.id), sum(1 for _ in self.told.seen))
        for number in range(6):
            stream = f"counter-{number}"
            self.assertEqual([version for found, version in self.told.seen if found == stream], [1, 2, 3, 4, 5])
        run.refresh_from_db()
        self.assertEqual((run.state, progress_of(run).percent), ("completed", 100))

    def test_only_what_was_selected(self):
        run = self.start(Selection(streams=("counter-2", "counter-4")))
        self.assertEqual(run.total, 10)
        drive(run.id)
        self.assertEqual({stream for stream, _ in self.told.seen}, {"counter-2", "counter-4"})
        self.assertEqual(len(self.told.seen), 10)

    def test_it_goes_no_faster_than_it_may_and_never_in_gushes(self):
        run = self.start(Selection(streams=("counter-2",)), rate=2)
        seen = []
        with patch.object(paces.time, "sleep", lambda seconds: seen.append((len(self.told.seen), round(seconds)))):
            drive(run.id)
        self.assertEqual(seen, [(0, 0), (2, 1), (4, 2)])

    def test_what_is_not_selected_costs_no_time(self):
        run = self.start(Selection(streams=("counter-2",)), rate=500)
        seen = []
        with patch.object(paces.time, "sleep", seen.append):
            drive(run.id)
        run.refresh_from_db()
        self.assertEqual([round(seconds) for seconds in seen], [0])
        self.assertLess(run.paced_until - run.started_at, timedelta(seconds=0.5))

    def test_a_rate_is_the_rate_of_the_run_however_many_drive_it(self):
        run = self.start(rate=2)
        run.refresh_from_db()
        slept = []
        with patch.object(paces.time, "sleep", slept.append):
            for _ in range(3):  # three processes, each with a step at the same moment
                paces.paced(run, 2, lambda: 2)
        self.assertEqual([round(seconds) for seconds in slept], [0, 1, 2])

    def test_what_comes_later_is_not_part_of_it(self):
        run = self.start()
        record("counter-1", 3)
        drive(run.id)
        self.assertEqual(len(self.told.seen), 30)

    def test_a_run_that_died_goes_on_where_it_was(self):
        run = self.start()

        def die(envelope):
            if envelope.version == 3:
                raise KeyboardInterrupt

        self.told.rule = die
        for _ in range(3):
            with self.assertRaises(KeyboardInterrupt):
                drive(run.id)
        self.told.rule = lambda envelope: None
        drive(run.id)
        run.refresh_from_db()
        self.assertEqual(run.state, "running", "whoever began a step a moment ago may be alive")
        Checkpoint.objects.update(begun_at=F("begun_at") - timedelta(seconds=2))
        for _ in range(20):
            drive(run.id)
        self.assertEqual(sorted(self.told.seen), sorted((f"counter-{n}", v) for n in range(6) for v in range(1, 6)))

    def test_paused_it_rests_and_resumed_it_goes_on(self):
        run = self.start()
        change(run.id, "pause", "let the shop breathe")
        self.assertEqual(drive(run.id), 0)
        change(run.id, "resume", "night")
        drive(run.id)
        self.assertEqual(len(self.told.seen), 30)

    def test_cancelled_it_is_over(self):
        run = self.start()
        change(run.id, "cancel", "wrong consumer")
        self.assertEqual(drive(run.id), 0)
        with self.assertRaisesMessage(Refused, "The run cannot resume: it is cancelled."):
            change(run.id, "resume", "no")

    def test_a_failed_event_is_parked_for_the_run_and_not_for_the_live_consumer(self):
        def fail(envelope):
            if envelope.stream == "counter-3" and envelope.version == 2:
                raise ValueError("again")

        self.told.rule = fail
        run = self.start()
        drive(run.id)
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.consumer, parked.key, parked.state), (run.lane, "counter-3", "dead"))
        self.assertEqual(len(self.told.seen), 26)
        run.refresh_from_db()
        self.assertEqual((run.state, progress_of(run).parked), ("completed", 1))

    def test_the_live_path_is_not_disturbed(self):
        run = self.start()
        record("counter-1", 1)
        deliver_everything()
        self.assertEqual(self.told.seen, [("counter-1", 6)])
        drive(run.id)
        self.assertEqual(len(self.told.seen), 31)

    def test_who_and_why_stands_in_the_history(self):
        run = self.start()
        drive(run.id)
        names = [envelope.name for envelope in read_stream("operations")]
        self.assertEqual(names, ["eventstore.run_started", "eventstore.run_ended"])
        started = read_stream("operations")[0]
        self.assertEqual((started.actor, started.event.reason, started.event.run_id), ("user:ada", "the receiver lost them", run.id))


class Refusing(TestCase):
    def setUp(self):
        self.told = Recording(self)

    def test_a_consumer_that_does_not_allow_it(self):
        with self.assertRaisesMessage(Refused, "does not allow its outside effects to run again"):
            replay("test.recording", Selection(), reason="…", effects="run")

    def test_a_projection_is_rebuilt_instead(self):
        with self.assertRaisesMessage(Refused, "Rebuild it instead"):
            replay("orders.order_list", Selection(), reason="…")

    def test_a_run_is_no_consumer_to_replay_to(self):
        run = replay("test.recording", Selection(), reason="…")
        with self.assertRaisesMessage(UnknownName, f"There is no consumer named {run.lane}."):
            replay(run.lane, Selection(), reason="…")

    def test_an_event_that_it_does_not_handle(self):
        with self.assertRaisesMessage(UnknownName, "Did you mean test.raised?"):
            replay("test.recording", Selection(names=("test.rased",)), reason="…")

    def test_a_run_without_a_reason(self):
        with self.assertRaisesMessage(Refused, "A run needs a reason"):
            replay("test.recording", Selection(), reason=" ")


class SecondPair(TestCase):
    """A run that waits for approval; the money that it moves is not what is told here."""

    def setUp(self):
        transport().flush()
        self.told = Recording(self, replay="allow")
        record("counter-1", 2)
        deliver_everything()
        with acting(actor="key:ada"), patch.object(starting, "measure", wraps=starting.measure) as measured:
            measured.side_effect = lambda *a, **k: replace(blasts.measure(*a, **k), needs_approval=True)
            self.run_ = replay("test.recording", Selection(), reason="lost", effects="run")

    def test_it_rests_until_somebody_else_approves(self):
        self.assertEqual((self.run_.state, drive(self.run_.id)), ("waiting", 0))
        for actor in ("key:ada", "user:ada", "shell:ada"):
            with acting(actor=actor), self.assertRaisesMessage(Refused, "it was you who started it"):
                change(self.run_.id, "approve", "fine")
        with acting(actor="user:ben"):
            with self.assertRaisesMessage(Refused, "needs a reason"):
                change(self.run_.id, "approve", "")
            self.assertEqual(change(self.run_.id, "approve", "the bank asked for it").approved_by, "user:ben")
        self.assertEqual(drive(self.run_.id), 2)

    def test_a_worker_is_told_only_after_commit(self):
        with patch.object(starting.wakeups, "wake_run") as wake, self.captureOnCommitCallbacks(execute=True), unit_of_work():
            run = replay("test.recording", Selection(), reason="lost", effects="deny")
            wake.assert_not_called()
        wake.assert_called_once_with(run.id)


class Redriving(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self)
        self.broken = {1, 3}

        def fail(envelope):
            if int(envelope.stream[-1]) in self.broken and envelope.version == 2:
                raise ValueError("not yet")

        self.told.rule = fail
        for number in range(6):
            record(f"counter-{number}", 3)
        deliver_everything()

    def test_exactly_what_was_shown_is_retried_and_each_key_says_what_became_of_it(self):
        shown = list(ParkedKey.objects.values_list("pk", flat=True))
        self.assertEqual(len(shown), 2)
        self.broken = {3}
        run = redrive(shown, reason="fixed one of two")
        self.assertEqual(drive(run.id), 2)
        run.refresh_from_db()
        self.assertEqual(run.state, "completed")
        outcomes = dict(run.items.values_list("parked__key", "became"))
        self.assertEqual(outcomes, {"counter-1": "processed", "counter-3": "failed again"})
        self.assertEqual([version for stream, version in self.told.seen if stream == "counter-1"], [1, 2, 3])

    def test_a_key_that_another_process_brought_through_meanwhile_was_processed(self):
        run = redrive(list(ParkedKey.objects.values_list("pk", flat=True)), reason="twice at once")
        self.broken = set()
        for key in ParkedKey.objects.all():
            retry(claim(str(key.pk)))
        drive(run.id)
        self.assertEqual(set(run.items.values_list("became", flat=True)), {"processed"})

    def test_nothing_is_started_for_keys_that_do_not_wait(self):
        ParkedKey.objects.update(state="resolved")
        with self.assertRaisesMessage(Refused, "None of these keys waits any more"):
            redrive(list(ParkedKey.objects.values_list("pk", flat=True)), reason="late")


class FailingOnEverything(TestCase):
    def test_a_consumer_that_fails_on_everything_is_paused_and_parks_nothing(self):
        transport().flush()
        told = Recording(self)
        told.rule = lambda envelope: 1 / 0
        lane = partition_of("counter-1")
        streams = [f"counter-{n}" for n in range(400) if partition_of(f"counter-{n}") == lane][:12]
        for stream in streams:
            record(stream)
        deliver_everything()
        self.assertEqual(ParkedKey.objects.count(), 0)
        self.assertEqual(ConsumerState.objects.get(name="test.recording").state, "paused")
        self.assertIn("failed on all of 12 different keys", read_stream("operations")[-1].event.reason)
        told.rule = lambda envelope: None
        resume("test.recording", "mended")
        deliver_everything()
        self.assertEqual(len(told.seen), 12)
