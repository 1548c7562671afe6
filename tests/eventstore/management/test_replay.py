"""manage.py replay: events are delivered again by whoever asks, counted first, and never by a slip."""

from unittest.mock import patch
from uuid import UUID

from django.test import TestCase
from msgspec.structs import replace

from eventstore.delivery import transport
from eventstore.log import read_stream
from eventstore.management import waiting
from eventstore.management.commands.replay import with_verb
from eventstore.models import Run
from eventstore.runs import blasts, starting
from eventstore.testing import deliver_everything
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.eventstore.management.calling import Called


class Again(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self, replay="allow")
        for number in range(4):
            record(f"counter-{number}", 3)
        deliver_everything()
        execute("DELETE FROM test_effect")


class Replaying(Again):
    def test_it_is_driven_to_its_end_where_no_worker_does(self):
        called = Called("replay", "test.recording", "--effects", "run", "--reason", "the receiver lost them", "--wait", "--json")
        self.assertEqual((called.code, called.json["state"], called.json["progress"]["handled"]), (0, "completed", 12))
        self.assertEqual(len(self.told.seen), 12)
        started = read_stream("operations")[0]
        self.assertRegex(started.actor, "^shell:.")
        self.assertEqual(started.event.reason, "the receiver lost them")

    def test_only_what_was_asked_for(self):
        event = str(read_stream("counter-2")[1].id)
        Called("replay", "start", "test.recording", "--event", event, "--stream", "counter-2", "counter-3", "--wait")
        self.assertEqual(self.told.seen, [("counter-2", 2)])
        self.assertEqual(Called("replay", "test.recording", "--until", "2020-01-01T00:00Z", "--dry-run", "--json").json["events"], 0)
        self.assertEqual(Called("replay", "test.recording", "--since", "2020-01-01", "--dry-run", "--json").json["events"], 12)
        called = Called("replay", "test.recording", "--name", "test.rased")
        self.assertEqual((called.code, "Did you mean test.raised?" in called.complaint), (2, True))
        self.assertEqual(Called("replay", "test.recordin").code, 2)
        self.assertIn("write it as", Called("replay", "test.recording", "--since", "yesterday").complaint)

    def test_a_dry_run_counts_and_starts_nothing(self):
        called = Called("replay", "test.recording", "--stream", "counter-1", "--dry-run")
        self.assertIn("3 events would be delivered to test.recording again", called.out)
        self.assertIn("3 test.raised", called.out)
        self.assertFalse(Run.objects.exists())

    def test_a_projection_is_rebuilt_instead(self):
        called = Called("replay", "orders.order_list")
        self.assertEqual((called.code, "Rebuild it instead" in called.complaint), (1, True))
        self.assertEqual(Called("replay", "orders.order_list", "--dry-run", "--json").json["tables"], ["orders_ordersummary"])

    def test_keys_that_failed_are_a_finding(self):
        self.told.rule = lambda envelope: 1 / 0 if envelope.stream == "counter-1" else None
        called = Called("replay", "test.recording", "--wait", "--json")
        self.assertEqual((called.code, called.json["progress"]["parked"]), (3, 1))
        (row,) = Called("dead_letters", "list", "--consumer", f"run:{called.json['id']}", "--json").json
        self.assertEqual((row["key"], row["error"]), ("counter-1", "ZeroDivisionError: division by zero"))

    def test_paused_resumed_cancelled(self):
        run = Called("replay", "test.recording", "--json").json["id"]
        self.assertEqual(Called("replay", "pause", run, "--json").json["state"], "paused")
        self.assertEqual(Called("replay", "wait", run).code, 3)
        self.assertEqual(self.told.seen, [])
        self.assertEqual(Called("replay", "resume", run, "--json").json["state"], "running")
        self.assertEqual(Called("replay", "wait", run, "--json").code, 0)
        called = Called("replay", "cancel", run)
        self.assertEqual((called.code, called.complaint), (1, "The run cannot cancel: it is completed."))
        self.assertEqual(Called("replay", "show", str(UUID(int=1))).code, 2)

    def test_the_list_has_the_newest_first(self):
        self.assertEqual(Called("replay", "list").out, "There are no runs.\n")
        first, second = (Called("replay", "test.recording", "--json").json["id"] for _ in range(2))
        Called("replay", "wait", first)
        self.assertEqual([row["id"] for row in Called("replay", "list", "--json").json], [second, first])
        self.assertEqual([row["id"] for row in Called("replay", "list", "--state", "completed", "--json").json], [first])
        self.assertRegex(Called("replay", "list").out, rf"{first} +completed +test\.recording +live +12 +100 %")

    def test_whoever_stops_waiting_does_not_stop_the_run(self):
        run = Called("replay", "test.recording", "--json").json["id"]

        class Pressed:
            def __enter__(self):
                return self

            def __exit__(self, *error):
                pass

            def is_set(self):
                return True

        with patch.object(waiting, "until_stopped", Pressed):
            called = Called("replay", "wait", run)
        self.assertEqual((called.code, "the run rests until a worker takes the queue runs" in called.complaint), (1, True))
        self.assertEqual(Run.objects.get().state, "running")
        self.assertEqual(Called("replay", "wait", run).code, 0)

    def test_a_run_that_a_worker_drives_is_watched(self):
        run = Called("replay", "test.recording", "--json").json["id"]
        looked = []

        def worker(run_id, seconds):
            looked.append("here")
            raise AssertionError("a worker is at it")

        def progress_of(row):
            looked.append("there")
            starting.change(row.id, "cancel", "for the test")
            row.refresh_from_db()
            return original(row)

        original = waiting.progress_of
        with (
            patch.object(waiting, "somebody_drives", lambda: True),
            patch.object(waiting, "drive", worker),
            patch.object(waiting, "progress_of", progress_of),
        ):
            self.assertEqual(Called("replay", "wait", run).code, 3)
        self.assertEqual(looked, ["there"])

    def test_the_short_form(self):
        self.assertEqual(with_verb(["a.b", "--reason", "list"]), ["start", "a.b", "--reason", "list"])
        self.assertEqual(with_verb(["--json", "a.b"]), ["start", "--json", "a.b"])
        for said in (["list"], ["--json", "list"], ["--help"], []):
            self.assertEqual(with_verb(said), said)


class NotByASlip(Again):
    """A story: an operator cannot replay 380,000 events by accident."""

    def setUp(self):
        super().setUp()
        lowered = patch.object(blasts, "TYPED_ABOVE", 10)
        lowered.start()
        self.addCleanup(lowered.stop)

    def test_very_many_events_need_the_name_typed_once_more(self):
        called = Called("replay", "test.recording", "--effects", "run", "--wait")
        self.assertEqual((called.code, self.told.seen, Run.objects.count()), (1, [], 0))
        self.assertIn("12 events would be delivered to test.recording again", called.out)
        self.assertIn("type the name of the consumer: test.recording (--typed test.recording)", called.complaint)
        self.assertEqual(Called("replay", "test.recording", "--typed", "test.recordin").code, 1)
        self.assertEqual(Called("replay", "test.recording", "--typed", "test.recording", "--wait").code, 0)
        self.assertEqual(len(self.told.seen), 12)

    def test_few_events_need_no_ceremony(self):
        self.assertEqual(Called("replay", "test.recording", "--stream", "counter-1", "--wait").code, 0)

    def test_where_money_moves_a_second_person_approves(self):
        def measure(*words, **options):
            return replace(blasts.measure(*words, **options), needs_approval=True, money={"EUR": "38000000"})

        with patch.object(starting, "measure", measure):
            called = Called("replay", "test.recording", "--effects", "run", "--typed", "test.recording", "--wait", "--json")
        run = called.json["id"]
        self.assertEqual((called.code, called.json["state"], self.told.seen), (3, "waiting", []))
        self.assertIn(f"replay approve {run}", called.complaint)
        mine = Called("replay", "approve", run, "--reason", "I am sure")
        self.assertEqual((mine.code, mine.complaint), (1, "A second person must approve this run: it was you who started it."))
        with patch("eventstore.management.doors.account", return_value="ben"):
            self.assertEqual(Called("replay", "approve", run, "--reason", "asked the bank", "--json").json["approved_by"], "shell:ben")
        self.assertEqual(Called("replay", "wait", run).code, 0)
        self.assertEqual(len(self.told.seen), 12)
