"""manage.py dead_letters: what waits because an event failed, and what staff do about it at a terminal."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from uuid import UUID

from django.test import TestCase

from eventstore.delivery import drain, transport
from eventstore.events import OPERATIONS
from eventstore.log import partition_of, read_stream
from eventstore.models import FailedEvent, ParkedKey
from tests.eventstore.delivery.recording import Recording, record
from tests.eventstore.management.calling import Called

STREAM = "counter-29"


class Waiting(TestCase):
    def setUp(self):
        transport().flush()
        self.told = Recording(self)
        self.told.rule = self.refuse
        self.poison = {2, 3}

    def refuse(self, envelope):
        if envelope.version in self.poison and envelope.event.by == 13:
            raise ValueError("no such customer")

    def parked(self, stream=STREAM):
        record(stream)
        record(stream, by=13)
        record(stream, 2)
        drain(self.told.consumer, partition_of(stream))
        return str(ParkedKey.objects.get(key=stream).pk)

    def versions(self):
        return [version for stream, version in self.told.seen if stream == STREAM]


class Looking(Waiting):
    def test_nothing_waits(self):
        self.assertEqual(Called("dead_letters", "list").out, "Nothing waits.\n")
        self.assertEqual(Called("dead_letters", "list", "--json").json, [])
        self.assertEqual(Called("dead_letters", "list", "--groups", "--json").json, [])

    def test_the_list_tells_what_waits_and_why(self):
        parked = self.parked()
        (row,) = Called("dead_letters", "list", "--json").json
        self.assertEqual((row["id"], row["state"], row["key"], row["attempts"]), (parked, "retrying", STREAM, 1))
        self.assertEqual((row["error"], row["event"]), ("ValueError: no such customer", "test.raised"))
        self.assertIn(parked, Called("dead_letters", "list").out)
        self.assertEqual(Called("dead_letters", "--json", "list").json[0]["id"], parked, "before the verb, too")
        self.assertEqual(Called("dead_letters", "list", "--state", "dead", "--json").json, [])
        self.assertEqual(Called("dead_letters", "list", "--consumer", "test.recordin").code, 2)

    def test_one_of_them_is_shown_with_its_payload_failures_and_followers(self):
        parked = self.parked()
        shown = Called("dead_letters", "show", parked, "--json").json
        self.assertEqual((shown["followers"], shown["data"], len(shown["failures"])), (2, {"by": 13, "note": ""}, 1))
        self.assertIn("raise ValueError", shown["failures"][0]["traceback"])
        self.assertIn("raise ValueError", Called("dead_letters", "show", parked).out)
        self.assertEqual(Called("dead_letters", "show", str(UUID(int=1))).code, 2)

    def test_failures_of_one_kind_are_one_line_that_somebody_looks_after(self):
        self.parked()
        self.parked("counter-1")
        (group,) = Called("dead_letters", "list", "--groups", "--json").json
        self.assertEqual((group["open"], len(group["trend"]), group["assignee"]), (2, 24, ""))
        self.assertEqual(Called("dead_letters", "assign", group["fingerprint"], "--to", "ada", "--note", "a typo").code, 0)
        self.assertRegex(Called("dead_letters", "list", "--groups").out, rf"{group['fingerprint']} +2 +test\.recording .* ada\n")
        self.assertEqual(Called("dead_letters", "assign", "nothing", "--to", "ada").code, 2)


class Acting(Waiting):
    def test_trying_again_works_once_the_cause_is_gone(self):
        parked = self.parked()
        again = Called("dead_letters", "retry", parked, "--json")
        self.assertEqual((again.code, again.json[0]["became"], again.json[0]["attempts"]), (3, "failed again", 2))
        self.assertIn("ValueError: no such customer", again.complaint)
        self.poison.clear()
        again = Called("dead_letters", "retry", parked, "--reason", "mended", "--json")
        self.assertEqual((again.code, again.json[0]["became"], again.json[0]["state"]), (0, "processed", "resolved"))
        self.assertEqual(self.versions(), [1, 2, 3, 4])
        self.assertEqual(getattr(read_stream(OPERATIONS)[-1].event, "reason"), "mended")  # noqa: B009 - the union has many

    def test_what_does_not_wait_cannot_be_tried_again(self):
        parked = self.parked()
        ParkedKey.objects.update(state="resolved")
        called = Called("dead_letters", "retry", parked)
        self.assertEqual((called.code, called.out), (3, f"{parked} {STREAM}: gone\n"))

    def test_a_group_is_tried_again_as_a_run_that_says_what_became_of_each(self):
        first, second = self.parked(), self.parked("counter-1")
        self.told.rule = lambda envelope: 1 / 0 if (envelope.stream, envelope.version) == ("counter-1", 2) else None
        fingerprint = FailedEvent.objects.values_list("fingerprint", flat=True)[0]
        called = Called("dead_letters", "retry", "--group", fingerprint, "--reason", "half of it", "--json")
        self.assertEqual({one["id"]: one["became"] for one in called.json}, {first: "processed", second: "failed again"})
        self.assertEqual((called.code, self.versions()), (3, [1, 2, 3, 4]))
        self.assertIn("1 of 2 were not processed", called.complaint)
        self.assertEqual(Called("replay", "show", called.json[0]["run"], "--json").json["state"], "completed")
        self.assertEqual(Called("dead_letters", "retry").code, 2)
        self.assertEqual(Called("dead_letters", "retry", "--group", "nothing").code, 3)

    def test_a_dry_run_tells_what_would_change(self):
        parked = self.parked()
        called = Called("dead_letters", "dry-run", parked, "--json")
        self.assertEqual((called.code, called.json["error"]), (3, "ValueError: no such customer"))
        with TemporaryDirectory() as folder:
            (Path(folder) / "fixed.json").write_text('{"by": 12}')
            called = Called("dead_letters", "dry-run", parked, "--data", f"{folder}/fixed.json")
        self.assertEqual(called.code, 0)
        self.assertIn("test_effect: 1 inserted, 0 updated, 0 deleted", called.out)
        self.assertEqual(self.versions(), [1])

    def test_edited_it_goes_through_and_its_followers_with_it(self):
        parked = self.parked()
        with patch("sys.stdin.read", return_value='{"by": 12}'):
            called = Called("dead_letters", "edit", parked, "--data", "-", "--reason", "a typo", "--json")
        self.assertEqual((called.code, called.json[0]["became"], called.json[0]["outcome"]), (0, "processed", "processed"))
        self.assertEqual(called.json[0]["patch"], [{"op": "replace", "path": "/by", "value": 12}])
        self.assertEqual(self.versions(), [1, 2, 3, 4])

    def test_an_edit_that_does_not_fit_names_every_mistake(self):
        parked = self.parked()
        with patch("sys.stdin.read", return_value='{"by": "many", "note": 7}'):
            called = Called("dead_letters", "edit", parked, "--data", "-")
        self.assertEqual(called.code, 1)
        self.assertRegex(called.complaint, r"#/by: .*\n  #/note: ")
        with patch("sys.stdin.read", return_value="[1]"):
            self.assertIn("it is JSON and no object", Called("dead_letters", "edit", parked, "--data", "-").complaint)
        self.assertIn("cannot be read", Called("dead_letters", "edit", parked, "--data", "/nowhere/x.json").complaint)

    def test_skipped_discarded_restored_redirected(self):
        parked = self.parked()
        self.assertEqual(Called("dead_letters", "discard", parked).code, 0)
        self.assertEqual(Called("dead_letters", "list").out, "Nothing waits.\n")
        self.assertEqual(Called("dead_letters", "restore", parked).code, 0)
        Recording(self, name="test.other").rule = self.refuse
        called = Called("dead_letters", "redirect", parked, "--to", "test.other")
        self.assertEqual((called.code, "test.other could not handle it either" in called.complaint), (1, True))
        self.assertEqual(Called("dead_letters", "redirect", parked, "--to", "test.othr").code, 2)
        self.assertEqual(Called("dead_letters", "skip", parked, "--reason", "a joke").code, 0)
        self.assertEqual(self.versions(), [1, 3, 4])

    def test_only_the_event_that_was_looked_at_is_skipped(self):
        parked = self.parked()
        shown = Called("dead_letters", "show", parked, "--json").json["event_id"]
        self.told.rule = lambda envelope: 1 / 0 if envelope.version == 3 else None
        Called("dead_letters", "retry", parked)
        called = Called("dead_letters", "skip", parked, "--event", shown, "--json")
        self.assertEqual((called.code, called.json[0]["became"], self.versions()), (3, "gone", [1, 2]))
        self.assertIn("no longer as they were shown", called.complaint)
        self.assertEqual(json.loads(Called("dead_letters", "show", parked, "--json").out)["followers"], 1)
