"""manage.py effects: what left the database, and a person's word on what nobody knows."""

from django.test import TestCase

from eventstore.events import OPERATIONS
from eventstore.log import read_stream
from eventstore.models import Effect
from tests.eventstore.management.calling import Called


class Effects(TestCase):
    def setUp(self):
        for key, state in (("charge:1", "done"), ("charge:2", "unknown"), ("mail/3?x=#", "begun")):
            Effect.objects.create(key=key, state=state, actor="consumer:test", note="its process died" if state == "unknown" else "")

    def test_those_that_nobody_knows_the_outcome_of(self):
        self.assertEqual({row["key"] for row in Called("effects", "list", "--unknown", "--json").json}, {"charge:2", "mail/3?x=#"})
        self.assertEqual(len(Called("effects", "list", "--json").json), 3)
        self.assertRegex(Called("effects", "list", "--unknown").out, r"charge:2 +unknown .* its process died\n")
        Effect.objects.all().delete()
        self.assertEqual(Called("effects", "list").out, "There are none.\n")

    def test_a_person_says_what_became_of_it(self):
        happened = Called("effects", "resolve", "charge:2", "--happened", "--receipt", '{"id": "ch_9"}', "--reason", "seen", "--json")
        self.assertEqual((happened.code, happened.json["state"], happened.json["receipt"]), (0, "done", {"id": "ch_9"}))
        self.assertTrue(happened.json["ended_at"])
        self.assertEqual(Called("effects", "resolve", "mail/3?x=#", "--not-done", "--reason", "the log of the server").code, 0)
        self.assertEqual(Effect.objects.get(pk="mail/3?x=#").state, "not_done")
        first, second = read_stream(OPERATIONS)
        self.assertEqual((first.event.reason, second.event.happened), ("seen", False))
        self.assertRegex(first.actor, "^shell:.")

    def test_what_cannot_be_resolved(self):
        self.assertEqual(Called("effects", "resolve", "charge:2", "--happened").code, 1, "without a reason")
        self.assertEqual(Called("effects", "resolve", "charge:9", "--happened", "--reason", "seen").code, 2)
        called = Called("effects", "resolve", "charge:1", "--not-done", "--reason", "seen")
        self.assertEqual((called.code, called.complaint), (1, "charge:1 is done: there is no unknown effect to resolve."))
        called = Called("effects", "resolve", "charge:2", "--not-done", "--receipt", "{}", "--reason", "seen")
        self.assertEqual((called.code, called.complaint), (2, "--receipt belongs to --happened."))
        self.assertEqual(Called("effects", "resolve", "charge:2", "--happened", "--receipt", "[]", "--reason", "seen").code, 1)
