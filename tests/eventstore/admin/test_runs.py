"""Runs in the console: counted before they start, watched while they go, approved by another person, swapped in and taken back."""

from unittest import mock

from django.test import TestCase
from django.urls import reverse

from eventstore import runs
from eventstore.delivery import transport
from eventstore.events import OPERATIONS
from eventstore.models import Event, Run
from eventstore.runs import blasts
from eventstore.testing import deliver_everything
from orders.events import OrderPlaced
from orders.handlers import handle
from orders.models import OrderSummary
from tests import staff
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.orders.examples import ID, place

LIST = reverse("admin:eventstore_run_changelist")
NAME = "orders.order_list"


def page(name, *arguments):
    return reverse(f"admin:eventstore_{name}", args=arguments)


class Acting(TestCase):
    def setUp(self):
        transport().flush()
        self.client.force_login(staff.ben())

    def act(self, run, verb, **sent):
        return self.client.post(page("run_act", run.pk, verb), {"reason": "because"} | sent, follow=True)

    def told(self):
        return [event.data.get("what", event.name) for event in Event.objects.filter(stream=OPERATIONS).order_by("version")]

    def only_run(self):
        return Run.objects.get()


class Replays(Acting):
    def setUp(self):
        super().setUp()
        self.recording = Recording(self, replay="allow")
        for number in range(3):
            record(f"counter-{number}", 4)
        deliver_everything()
        execute("DELETE FROM test_effect")
        self.again = page("consumerstate_again", "test.recording")

    def start(self, **sent):
        return self.client.post(self.again, {"reason": "they lost them", "effects": "run"} | sent, follow=True)

    def test_first_the_form_then_the_numbers_then_the_start(self):
        self.assertContains(self.client.get(page("consumerstate_change", "test.recording")), self.again)
        asked = self.client.get(self.again)
        self.assertIsNone(asked.context["blast"])
        shown = self.client.get(self.again, {"count": "1", "streams": "counter-1\r\ncounter-2", "effects": "run", "name": "test.raised"})
        self.assertEqual(shown.context["blast"].events, 8)
        self.assertContains(shown, "Outside effects run again.")
        answer = self.client.post(self.again, dict(shown.context["fields"]) | {"reason": "they lost them"}, follow=True)
        self.assertContains(answer, "8 events go to test.recording again.")
        run = self.only_run()
        self.assertEqual((run.total, run.started_by, run.reason), (8, "staff:ben", "they lost them"))
        self.assertEqual(answer.redirect_chain[-1][0], page("run_change", run.pk))

    def test_what_comes_after_the_count_is_no_part_of_it(self):
        shown = self.client.get(self.again, {"count": "1"})
        record("counter-1", 5)
        self.client.post(self.again, dict(shown.context["fields"]) | {"reason": "x"})
        self.assertEqual(self.only_run().total, 12)

    def test_what_the_form_cannot_read_is_told_in_its_words(self):
        for query, problem in {
            "since=yesterday": "is a time such as 2026-10-24T08:00",
            "rate=fast": "The rate is a whole number",
            "rate=0": "The rate is a whole number",
            "effects=maybe": "Outside effects are one of",
            "name=orders.order_placed": "There is no event of test.recording named orders.order_placed",
        }.items():
            with self.subTest(query):
                self.assertContains(self.client.get(f"{self.again}?count=1&{query}"), problem)
        self.assertContains(self.start(since="yesterday"), "Nothing was done: “since” is a time")
        self.assertFalse(Run.objects.exists())

    def test_without_a_reason_nothing_starts(self):
        self.assertContains(self.start(reason=" "), "give a reason")
        self.assertFalse(Run.objects.exists())

    def test_many_events_need_the_name(self):
        with mock.patch.object(blasts, "TYPED_ABOVE", 5):
            self.assertContains(self.client.get(self.again + "?count=1&effects=run"), "These are many.")
            self.assertContains(self.start(), "type the name of the consumer: test.recording")
            self.assertFalse(Run.objects.exists())
            self.assertContains(self.start(typed="test.recording"), "12 events go to test.recording again")

    def test_money_needs_a_second_person(self):
        told = Recording(self, name="test.mailing", replay="allow")
        told.consumer.on(OrderPlaced)(lambda event, envelope: None)
        handle(place)
        deliver_everything()
        shown = self.client.get(page("consumerstate_again", "test.mailing"), {"count": "1", "effects": "run"})
        self.assertContains(shown, "it begins when a second person has approved it")
        self.assertContains(shown, "84.00 EUR")
        self.client.post(page("consumerstate_again", "test.mailing"), {"effects": "run", "reason": "lost"})
        run = self.only_run()
        self.assertEqual(run.state, "waiting")
        self.assertContains(self.client.get(page("run_change", run.pk)), "a second person has to approve this run")
        self.assertContains(self.client.get(reverse("admin:live_badges")), "1 to approve")
        self.assertContains(self.act(run, "approve", typed="test.mailing"), "it was you who started it")
        self.client.force_login(staff.ada())
        self.assertContains(self.act(run, "approve", typed="no"), "type test.mailing to show that you mean it")
        self.assertContains(self.act(run, "approve", typed="test.mailing"), "It is approved and runs.")
        run.refresh_from_db()
        self.assertEqual((run.state, run.approved_by), ("running", "staff:ada"))

    def test_it_is_paused_resumed_and_cancelled_with_a_reason(self):
        self.start()
        run = self.only_run()
        for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            self.assertContains(self.act(run, verb, reason=""), "give a reason")
            self.act(run, verb)
            run.refresh_from_db()
            self.assertEqual(run.state, state)
        self.assertEqual(self.told(), ["eventstore.run_started", "paused", "resumed", "cancelled"])
        self.assertContains(self.act(run, "resume"), "this is not possible any more")

    def test_the_live_part_follows_it_and_asks_for_the_page_when_its_state_is_another(self):
        self.start()
        run = self.only_run()
        live = page("run_live", run.pk)
        self.assertContains(self.client.get(live + "?state=running"), "of 12")
        self.assertNotContains(self.client.get(live + "?state=running"), "<html")
        runs.drive(run.pk)
        self.assertEqual(self.client.get(live + "?state=running").headers["HX-Refresh"], "true")
        shown = self.client.get(page("run_change", run.pk))
        self.assertEqual((shown.context["progress"].percent, shown.context["is_live"]), (100, False))

    def test_what_fails_in_it_is_parked_for_it_and_leads_there(self):
        def fail(envelope):
            if envelope.stream == "counter-1":
                raise ValueError("again")

        self.recording.rule = fail
        self.start()
        run = self.only_run()
        runs.drive(run.pk)
        self.assertContains(self.client.get(page("run_change", run.pk)), "Parked for this run")
        key = self.client.get(page("run_change", run.pk)).context["parked"][0]
        answer = self.client.get(page("parkedkey_change", key.pk))
        self.assertContains(answer, page("run_change", run.pk))
        self.recording.rule = lambda envelope: None
        retried = self.client.post(page("parkedkey_act", key.pk, "retry"), {"reason": "mended"}, follow=True)
        self.assertContains(retried, "It went well: 4 events took effect")

    def test_who_only_looks_changes_nothing(self):
        self.start()
        run = self.only_run()
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(page("run_change", run.pk)), 'data-open="act-')
        self.assertEqual(self.act(run, "pause").status_code, 403)
        self.assertEqual(self.start().status_code, 403)
        self.client.force_login(staff.dan())
        for url in (LIST, page("run_change", run.pk), page("run_live", run.pk)):
            self.assertEqual(self.client.get(url).status_code, 403)


class Rebuilds(Acting):
    def setUp(self):
        super().setUp()
        handle(place)
        deliver_everything()

    def ready(self):
        answer = self.client.post(page("consumerstate_again", NAME), {"reason": "the totals were wrong"}, follow=True)
        self.assertContains(answer, "into tables beside the live ones")
        run = self.only_run()
        runs.drive(run.pk)
        run.refresh_from_db()
        self.assertEqual(run.state, "ready")
        return run

    def wrong(self):
        OrderSummary.objects.update(customer_ref="wrong")

    def test_the_page_counts_before_it_asks(self):
        answer = self.client.get(page("consumerstate_again", NAME))
        self.assertEqual((answer.context["blast"].events, answer.context["blast"].tables), (1, ["orders_ordersummary"]))
        self.assertContains(answer, "orders.order_placed")

    def test_preview_approval_and_swap(self):
        self.wrong()
        run = self.ready()
        self.assertNotContains(self.client.get(page("run_change", run.pk)), "Approve and swap")
        answer = self.act(run, "preview", reason="")
        self.assertContains(answer, "1 rows differ: 0 added, 1 changed, 0 removed")
        (difference,) = answer.context["diff"].rows
        self.assertEqual((difference.columns, difference.event), (["customer_ref"], "orders.order_placed"))
        self.assertContains(answer, page("event_change", difference.event_id))
        self.assertContains(answer, "<del>wrong</del>")
        self.assertContains(answer, "<ins>ada</ins>")
        self.assertContains(self.swap(answer, typed="orders"), "type orders.order_list to show that you mean it")
        self.assertEqual(OrderSummary.objects.get(pk=ID).customer_ref, "wrong")
        self.assertContains(self.swap(answer), "are live: 1 rows changed")
        self.assertEqual(OrderSummary.objects.get(pk=ID).customer_ref, "ada")
        self.assertIn("swapped in", self.told())

    def swap(self, answer, **sent):
        run = self.only_run()
        act = next(allowed["act"] for allowed in answer.context["acts"] if allowed["act"].name == "swap")
        return self.act(run, "swap", **({"typed": NAME, "seen": act.seen} | sent))

    def test_another_preview_than_the_one_that_was_seen_is_not_approved(self):
        run = self.ready()
        seen = self.act(run, "preview")
        self.wrong()
        self.act(run, "preview")
        self.assertContains(self.swap(seen), "Nothing was done: Somebody made another preview")
        self.assertEqual(self.only_run().state, "ready")

    def test_a_swap_is_rolled_back_by_name_and_the_kept_tables_are_thrown_away(self):
        self.wrong()
        run = self.ready()
        self.swap(self.act(run, "preview"))
        self.assertContains(self.act(run, "back"), "type orders.order_list")
        self.assertContains(self.act(run, "back", typed=NAME), "are live again and catch up")
        self.assertEqual(OrderSummary.objects.get(pk=ID).customer_ref, "wrong")
        self.assertContains(self.act(run, "throw"), "The new tables are gone.")
        self.assertEqual(self.told()[-3:], ["swapped in", "rolled back", "old tables thrown away"])
        self.assertEqual(self.client.get(page("run_change", run.pk)).context["acts"], [])

    def test_ready_tables_can_be_thrown_away(self):
        run = self.ready()
        self.assertContains(self.client.get(page("run_change", run.pk)), "Throw away…")
        self.act(run, "cancel")
        self.assertEqual(self.only_run().state, "cancelled")

    def test_the_projection_lists_its_runs_and_so_does_the_overview(self):
        run = self.ready()
        for url in (page("consumerstate_change", NAME), reverse("admin:index"), LIST, LIST + "?state=open", LIST + f"?consumer={NAME}"):
            self.assertContains(self.client.get(url), page("run_change", run.pk))
        self.assertNotContains(self.client.get(LIST + "?state=completed"), page("run_change", run.pk))
        self.assertRedirects(self.client.get(reverse("admin:jump"), {"q": str(run.pk)}), page("run_change", run.pk))
