"""Dead letters in the console: grouped, dry-run, edited, skipped, redirected, put away; each act on what was shown, with a reason."""

from django.test import TestCase
from django.urls import reverse

from eventstore import runs
from eventstore.delivery import Retry, transport
from eventstore.delivery.groups import groups, keys_of
from eventstore.events import OPERATIONS
from eventstore.log import append, unit_of_work
from eventstore.models import Correction, Event, FailureGroup, ParkedKey, Run
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.delivery.recording import Recording, record
from tests.eventstore.examples import Raised

LIST = reverse("admin:eventstore_failuregroup_changelist")


def page(name, *arguments):
    return reverse(f"admin:eventstore_{name}", args=arguments)


class Failing(TestCase):
    STREAMS = 3

    def setUp(self):
        transport().flush()
        self.told = Recording(self, retry=Retry(attempts=1))
        self.told.rule = self.refuse
        self.broken = True
        for number in range(self.STREAMS):
            record(f"counter-{number}")
            record(f"counter-{number}", by=13)
            record(f"counter-{number}")
        deliver_everything()
        self.client.force_login(staff.ben())

    def refuse(self, envelope):
        if self.broken and envelope.event.by == 13:
            raise ValueError("unlucky")

    def acts_told(self):
        return [event.data["what"] for event in Event.objects.filter(stream=OPERATIONS, data__has_key="what").order_by("version")]

    def versions(self, stream="counter-1"):
        return [version for found, version in self.told.seen if found == stream]


class Groups(Failing):
    def setUp(self):
        super().setUp()
        (self.group,) = groups()
        self.page = page("failuregroup_change", self.group.fingerprint)

    def act(self, verb, keys=None, **sent):
        shown = self.client.get(self.page).context["failures"] if keys is None else keys
        chosen = [f"{failure.parked_id}:{failure.event_id}" for failure in shown]
        url = page("failuregroup_keys", self.group.fingerprint)
        return self.client.post(url, {"verb": verb, "key": chosen, "reason": "the till is mended"} | sent, follow=True)

    def states(self):
        return dict(ParkedKey.objects.values_list("key", "state"))

    def test_the_list_tells_each_kind_of_failure(self):
        answer = self.client.get(LIST)
        for text in ("ValueError", "unlucky", "test_dead_letters.py:refuse", "test.recording", "test.raised", self.page):
            self.assertContains(answer, text)
        self.assertContains(self.client.get(page("failuregroup_live")), self.page)
        self.assertNotContains(self.client.get(page("failuregroup_live")), "<html")
        ParkedKey.objects.update(state="resolved")
        self.assertContains(self.client.get(LIST), "The last failure was")
        self.assertContains(self.client.get(LIST + "?state=all"), self.page)

    def test_nothing_ever_failed(self):
        ParkedKey.objects.all().delete()
        self.assertContains(self.client.get(LIST), "No key waits for any consumer")
        self.assertContains(self.client.get(self.page, follow=True), "There is no")

    def test_retrying_what_was_shown_is_a_run(self):
        self.broken = False
        answer = self.act("retry")
        self.assertContains(answer, "3 keys of the 3 shown are tried again")
        run = Run.objects.get()
        runs.drive(run.pk)
        answer = self.client.get(page("run_change", run.pk))
        self.assertEqual(answer.context["became"], {"processed": 3})
        self.assertContains(answer, "counter-1")
        self.assertEqual(self.versions(), [1, 2, 3])

    def test_what_came_after_the_page_is_left_alone(self):
        shown = self.client.get(self.page)
        record("counter-9", by=13)
        deliver_everything()
        self.broken = False
        since = self.client.get(page("failuregroup_since", self.group.fingerprint), {"at": shown.context["at"].isoformat(), "shown": 3})
        self.assertContains(since, "+1 new since")
        self.act("discard", shown.context["failures"])
        self.assertEqual(self.states()["counter-9"], "dead")
        self.assertEqual(list(self.states().values()).count("discarded"), 3)
        since = self.client.get(page("failuregroup_since", self.group.fingerprint), {"at": shown.context["at"].isoformat(), "shown": 3})
        self.assertContains(since, "3 shown, 0 of them still wait")
        self.assertEqual(self.client.get(page("failuregroup_since", self.group.fingerprint)).headers["HX-Refresh"], "true")

    def test_only_what_was_ticked_is_skipped_and_the_rest_follows_in_order(self):
        shown = [failure for failure in self.client.get(self.page).context["failures"] if failure.parked.key == "counter-1"]
        self.assertContains(self.act("skip", shown), "Done: skipped.")
        self.assertEqual((self.versions(), self.versions("counter-2")), ([1, 3], [1]))
        self.assertEqual(self.acts_told(), ["skipped"])

    def test_somebody_was_here_first(self):
        shown = list(self.client.get(self.page).context["failures"])
        self.act("skip", shown[:1])
        self.assertContains(self.act("skip", shown), "2 skipped. 1 did not wait any more: somebody was there first.")
        self.assertContains(self.act("skip", shown), "Nothing was done: somebody was here first")
        self.assertContains(self.act("retry", shown), "None of these keys waits any more")
        self.assertEqual(len(self.acts_told()), 3)

    def test_a_key_that_another_event_holds_up_by_now_is_left_alone(self):
        shown = [failure for failure in self.client.get(self.page).context["failures"] if failure.parked.key == "counter-1"]
        with unit_of_work():
            append("counter-1", [Raised(by=13)], expected=3)
        deliver_everything()
        self.act("skip", shown)
        self.assertEqual(ParkedKey.objects.get(key="counter-1").position, Event.objects.get(stream="counter-1", version=4).position)
        self.assertContains(self.act("skip", shown), "Nothing was done: somebody was here first")
        self.assertEqual(self.versions(), [1, 3])

    def test_redirected_another_consumer_takes_them(self):
        Recording(self, name="test.other")
        self.assertContains(self.client.get(self.page), "<option>test.other</option>")
        self.assertContains(self.act("redirect", to="test.other"), "Done: 3 processed.")
        self.assertContains(self.act("redirect", [], to="test.other"), "No key was chosen")

    def test_nonsense_does_nothing(self):
        self.assertContains(self.act("skip", []), "No key was chosen")
        self.act("explode")
        url = page("failuregroup_keys", self.group.fingerprint)
        self.assertContains(self.client.post(url, {"verb": "skip", "key": "x", "reason": "y"}, follow=True), "does not name its keys")
        self.assertContains(self.act("skip", reason=" "), "give a reason")
        self.assertEqual(self.client.get(url).status_code, 405)
        self.assertEqual(set(self.states().values()), {"dead"})

    def test_a_group_has_somebody_who_looks_after_it(self):
        url = page("failuregroup_act", self.group.fingerprint, "assign")
        self.client.post(url, {"assignee": "ben", "note": "a typo in the till"})
        self.assertEqual(FailureGroup.objects.get().assignee, "ben")
        for where in (self.page, LIST):
            self.assertContains(self.client.get(where), "a typo in the till")

    def test_a_key_that_moved_on_waits_because_of_another_failure(self):
        self.told.rule = lambda envelope: 1 / (3 - envelope.version)
        self.act("skip")
        self.assertEqual(keys_of(self.group.fingerprint), [])
        (fresh,) = groups()
        self.assertEqual((fresh.error_class, fresh.open), ("ZeroDivisionError", 3))

    def test_rights_are_respected(self):
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(self.page), "keys-verbs")
        self.assertEqual(self.act("skip").status_code, 403)
        self.client.force_login(staff.dan())
        since = page("failuregroup_since", self.group.fingerprint)
        for url in (LIST, self.page, since, page("failuregroup_live")):
            self.assertEqual(self.client.get(url).status_code, 403)
        self.assertEqual(set(self.states().values()), {"dead"})


class OneKey(Failing):
    STREAMS = 2

    def setUp(self):
        super().setUp()
        self.key = ParkedKey.objects.get(key="counter-1")
        self.page = page("parkedkey_change", self.key.pk)
        self.edit = page("parkedkey_edit", self.key.pk)

    def act(self, verb, **sent):
        return self.client.post(page("parkedkey_act", self.key.pk, verb), {"reason": "the customer called"} | sent, follow=True)

    def state(self):
        self.key.refresh_from_db()
        return self.key.state

    def test_skipped_the_line_goes_on(self):
        self.assertContains(self.act("skip"), "Done: skipped.")
        self.assertEqual((self.versions(), self.state()), ([1, 3], "resolved"))
        self.assertContains(self.client.get(self.page), "the customer called")

    def test_discarded_it_is_held_and_restored_it_waits_again(self):
        self.act("discard")
        answer = self.client.get(self.page)
        self.assertEqual([allowed["act"].name for allowed in answer.context["acts"]], ["restore"])
        self.assertContains(answer, "Somebody put this key away")
        self.assertContains(self.act("restore"), "Done: restored.")
        self.assertEqual((self.state(), self.acts_told()), ("dead", ["discarded", "restored"]))

    def test_redirected_to_a_consumer_of_the_list(self):
        Recording(self, name="test.other")
        self.assertContains(self.act("redirect", to="orders.order_list"), "“Who takes it” is one of test.other")
        self.assertContains(self.act("redirect", to="test.other"), "Done: processed.")
        self.assertEqual(self.versions(), [1, 2, 3])

    def test_a_dry_run_tells_and_keeps_nothing(self):
        url = page("parkedkey_dry_run", self.key.pk)
        self.assertContains(self.client.post(url), "ValueError: unlucky")
        self.broken = False
        answer = self.client.post(url, headers={"HX-Request": "true"})
        self.assertContains(answer, "test_effect")
        self.assertContains(answer, "1 inserted")
        self.assertNotContains(answer, "<html")
        self.assertEqual((self.versions(), self.state()), ([1], "dead"))
        self.assertEqual(self.client.get(url).status_code, 405)

    def test_an_edit_is_checked_while_it_is_written(self):
        answer = self.client.get(self.edit)
        self.assertEqual(answer.context["original"], {"by": 13, "note": ""})
        self.assertContains(answer, "&quot;by&quot;: 13")
        for text, told in {
            "{": "It does not read as JSON",
            '{"by": "many", "note": 7}': "2 things do not fit test.raised",
            "[]": "1 thing does not fit test.raised",
            '{"by": 13, "note": ""}': "It says what the original says",
            '{"by": 12, "note": ""}': "<del>13</del>",
        }.items():
            with self.subTest(text):
                answer = self.client.post(self.edit, {"payload": text}, headers={"HX-Request": "true"})
                self.assertContains(answer, told)
                self.assertNotContains(answer, "<html")
        self.assertContains(self.client.post(self.edit, {"payload": '{"by": "many"}'}), "#/by")
        self.assertFalse(Correction.objects.exists())

    def test_an_edit_is_tried_before_it_counts(self):
        answer = self.client.post(self.edit, {"payload": '{"by": 12}', "verb": "try"})
        self.assertContains(answer, "It would go through")
        self.assertContains(answer, "{&quot;by&quot;: 12}")
        self.assertEqual((self.versions(), Correction.objects.count()), ([1], 0))

    def keep(self, text, **sent):
        failed = Event.objects.get(stream="counter-1", version=2)
        sent = {"payload": text, "verb": "keep", "reason": "a typo", "seen": str(failed.pk)} | sent
        return self.client.post(self.edit, sent, follow=True)

    def test_kept_it_is_handled_as_written_and_the_log_keeps_the_original(self):
        answer = self.keep('{"by": 12, "note": "was 13"}')
        self.assertContains(answer, "It was handled as you wrote it: processed")
        self.assertContains(answer, "replace /by")
        self.assertEqual((self.versions(), self.state()), ([1, 2, 3], "resolved"))
        self.assertEqual(Event.objects.get(stream="counter-1", version=2).data["by"], 13)
        self.assertEqual((Correction.objects.get().author, Correction.objects.get().reason), ("staff:ben", "a typo"))

    def test_kept_and_failed_again_it_says_so(self):
        self.assertContains(self.keep('{"by": 13, "note": "still"}'), "failed again")
        self.assertContains(self.client.get(self.edit), "still", msg_prefix="who edits again begins with what was written last")

    def test_what_does_not_fit_or_has_no_reason_is_not_kept(self):
        self.assertContains(self.keep('{"by": "x"}'), "#/by")
        self.assertContains(self.keep('{"by": 12}', reason=""), "give a reason")
        self.assertContains(self.keep('{"by": 13, "note": ""}'), "It says what the original says")
        self.assertEqual((self.state(), Correction.objects.count()), ("dead", 0))

    def test_an_edit_of_what_is_gone_says_that_somebody_was_here_first(self):
        self.act("skip")
        self.assertContains(self.keep('{"by": 12}'), "Somebody may have done it already")
        self.assertRedirects(self.client.get(self.edit), self.page)
        answer = self.client.post(self.edit, {"payload": "{}"}, headers={"HX-Request": "true"})
        self.assertEqual(answer.headers["HX-Redirect"], self.page)

    def test_an_event_that_cannot_be_read_is_edited_into_one_that_can(self):
        with unit_of_work():
            append("counter-8", [Raised(by="many")], expected=0)
        deliver_everything()
        edit = page("parkedkey_edit", ParkedKey.objects.get(key="counter-8").pk)
        self.assertEqual(self.client.get(edit).context["original"], {"by": "many", "note": ""})
        seen = str(Event.objects.get(stream="counter-8").pk)
        self.client.post(edit, {"payload": '{"by": 3}', "verb": "keep", "reason": "a word for a number", "seen": seen})
        self.assertEqual(self.versions("counter-8"), [1])
        self.assertEqual(Correction.objects.get().patch, [{"op": "replace", "path": "/by", "value": 3}])

    def test_rights_are_respected(self):
        self.client.force_login(staff.cleo())
        answer = self.client.get(self.page)
        for text in ("Skip…", "Edit…", "Dry run"):
            self.assertNotContains(answer, text)
        for answer in (self.act("skip"), self.keep('{"by": 12}'), self.client.post(page("parkedkey_dry_run", self.key.pk))):
            self.assertEqual(answer.status_code, 403)
        self.assertEqual((self.state(), Correction.objects.count()), ("dead", 0))
