"""Outside effects in the console: what nobody knows comes first, and a person says what they found."""

from datetime import timedelta

from django.contrib.admin.utils import quote
from django.test import TestCase
from django.urls import reverse

from eventstore.clock import now
from eventstore.events import OPERATIONS
from eventstore.models import Effect, Event
from tests import staff

LIST = reverse("admin:eventstore_effect_changelist")
KEY = "charge:order_1/a b"


class Effects(TestCase):
    def setUp(self):
        Effect.objects.create(key=KEY, state="unknown", note="TimeoutError during the call", actor="consumer:orders.payment")
        Effect.objects.create(key="mail:1", state="done", receipt={"id": "m1"})
        Effect.objects.create(key="mail:2", state="begun")
        self.client.force_login(staff.ben())

    def page(self, key=KEY):
        return reverse("admin:eventstore_effect_change", args=[quote(key)])

    def say(self, what, key=KEY, **sent):
        url = reverse("admin:eventstore_effect_act", args=[quote(key), what])
        return self.client.post(url, {"reason": "on the provider's page"} | sent, follow=True)

    def keys(self, query=""):
        return [row.pk for row in self.client.get(LIST + query).context["cl"].result_list]

    def test_the_list_begins_with_what_nobody_knows(self):
        self.assertEqual(self.keys(), ["mail:2", KEY])
        self.assertEqual(self.keys("?state=done"), ["mail:1"])
        self.assertEqual(len(self.keys("?state=all")), 3)
        self.assertEqual(self.keys("?state=all&q=mail:1"), ["mail:1"])
        self.assertContains(self.client.get(LIST), self.page())
        self.assertContains(self.client.get(reverse("admin:live_badges")), "1 unknown")
        self.assertContains(self.client.get(reverse("admin:index")), self.page())

    def test_it_happened_with_a_receipt(self):
        answer = self.say("happened", receipt='{"charge": "ch_1"}')
        self.assertContains(answer, "whoever asks again gets the receipt")
        effect = Effect.objects.get(pk=KEY)
        self.assertEqual((effect.state, effect.receipt), ("done", {"charge": "ch_1"}))
        self.assertIn("staff:ben", effect.note)
        told = Event.objects.get(stream=OPERATIONS)
        self.assertEqual((told.data["happened"], told.data["reason"]), (True, "on the provider's page"))
        self.assertContains(self.client.get(self.page()), "on the provider&#x27;s page")

    def test_it_did_not_happen(self):
        self.assertContains(self.say("not"), "is called when its event is tried again")
        self.assertEqual(Effect.objects.get(pk=KEY).state, "not_done")

    def test_somebody_was_here_first(self):
        self.say("not")
        self.assertContains(self.say("happened"), "this is not possible any more")
        self.assertEqual(Effect.objects.get(pk=KEY).state, "not_done")

    def test_a_receipt_that_is_no_object_changes_nothing(self):
        for text in ("[1]", "{", "\x00{"):
            self.assertContains(self.say("happened", receipt=text), "does not read as a JSON object")
        self.assertContains(self.say("happened", reason=""), "give a reason")
        self.assertEqual(Effect.objects.get(pk=KEY).state, "unknown")

    def test_a_call_that_is_under_way_is_nobodys_to_resolve_yet(self):
        self.assertContains(self.client.get(self.page("mail:2")), "The call is under way")
        self.assertContains(self.say("not", "mail:2"), "this is not possible any more")
        Effect.objects.filter(pk="mail:2").update(begun_at=now() - timedelta(minutes=2))
        self.assertContains(self.say("not", "mail:2"), "is called when its event is tried again")

    def test_rights_are_respected(self):
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(self.page()), 'data-open="act-')
        self.assertEqual(self.say("not").status_code, 403)
        self.client.force_login(staff.dan())
        for url in (LIST, self.page()):
            self.assertEqual(self.client.get(url).status_code, 403)
