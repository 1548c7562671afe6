"""The console as a whole: every page keeps the house rules, the navigation shows what one may see, the jump box finds it."""

import re
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from eventstore.approvals import RequestApproval
from eventstore.approvals import handle as handle_approval
from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.delivery import Retry, pause
from eventstore.messages import Envelope
from eventstore.models import Alert, ApiKey, Effect, Event, FailedEvent, ParkedKey, SagaInstance
from eventstore.runs import Selection, drive, preview, rebuild_beside, redrive, replay
from eventstore.testing import deliver_everything
from orders.domain import orders
from orders.handlers import handle
from orders.models import OrderSummary
from tests import staff
from tests.eventstore.delivery.recording import Recording, record
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import Seats, book
from tests.orders.examples import ID, place

STREAM = orders.stream(ID)
APPROVAL = UUID(int=7)
INLINE = re.compile(r"""\sstyle=|<style|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)(?![^>]*type="application/json")""", re.IGNORECASE)


def page(name, *arguments):
    return reverse(f"admin:{name}", args=arguments)


def fail(envelope: Envelope) -> None:
    raise ValueError("no")


class House(TestCase):
    ada: User
    ben: User
    cleo: User
    dan: User

    @classmethod
    def setUpTestData(cls):
        cls.ada, cls.ben, cls.cleo, cls.dan = staff.ada(), staff.ben(), staff.cleo(), staff.dan()

    def setUp(self):
        told = Recording(self, retry=Retry(attempts=1))
        told.rule = fail
        record("counter-1", 3)
        with acting(actor="key:shop", correlation="story-1"):
            handle(place)
        trips.declare(self)
        Seats.rule = staticmethod(fail)
        book("a")
        pause("orders.timeline", "a look")
        deliver_everything()
        self.event = Event.objects.get(stream=STREAM)
        self.parked = ParkedKey.objects.get()
        self.fingerprint = FailedEvent.objects.get().fingerprint
        with acting(actor="staff:ben"):
            self.replayed = replay("test.recording", Selection(), reason="lost", effects="receipt")
            self.beside = rebuild_beside("orders.order_list", reason="wrong totals")
            self.redriven = redrive([self.parked.pk], reason="mended")
        drive(self.beside.pk)
        OrderSummary.objects.update(customer_ref="wrong")
        preview(self.beside.pk)
        Effect.objects.create(key="mail:1/a_b", state="unknown", event_id=str(self.event.pk))
        self.saga = SagaInstance.objects.get()
        handle_approval(RequestApproval(approval_id=APPROVAL, subject=STREAM, subject_version=1, reasons=("above_limit",)))
        self.alert = Alert.objects.create(
            id=new_id(),
            rule="orders.unconfirmed",
            key=STREAM,
            says="Nobody confirmed it.",
            event_id=self.event.pk,
            subject=STREAM,
            subject_version=1,
            since=self.event.recorded_at,
            due_at=self.event.recorded_at,
        )
        self.key, _ = ApiKey.objects.create_key(name="shop", scopes=["orders:read"])

    def pages(self):
        """Every page with the queries it may take, whatever the size of the log."""
        return {
            page("index"): 28,
            page("live_overview"): 23,
            page("live_badges"): 12,
            page("jump_offers") + "?q=" + STREAM: 16,
            page("eventstore_event_changelist"): 13,
            page("eventstore_event_changelist") + "?where=data.total > 5&name=orders": 14,
            page("eventstore_event_change", self.event.pk): 18,
            page("eventstore_stream", STREAM): 13,
            page("eventstore_stream", "operations"): 13,
            page("eventstore_consumerstate_changelist"): 15,
            page("eventstore_consumerstate_live"): 9,
            page("eventstore_consumerstate_change", "orders.order_list"): 21,
            page("eventstore_parkedkey_changelist"): 14,
            page("eventstore_parkedkey_change", self.parked.pk): 20,
            page("eventstore_failuregroup_changelist"): 14,
            page("eventstore_failuregroup_changelist") + "?state=all": 14,
            page("eventstore_failuregroup_live"): 6,
            page("eventstore_failuregroup_change", self.fingerprint): 17,
            page("eventstore_sagainstance_changelist"): 16,
            page("eventstore_sagainstance_changelist") + "?q=a&status=running": 17,
            page("eventstore_sagainstance_change", self.saga.pk): 24,
            page("eventstore_sagainstance_live", self.saga.pk): 18,
            page("eventstore_run_changelist"): 15,
            page("eventstore_run_change", self.replayed.pk): 18,
            page("eventstore_run_change", self.beside.pk): 18,
            page("eventstore_run_change", self.redriven.pk): 18,
            page("eventstore_run_live", self.beside.pk) + "?state=ready": 6,
            page("eventstore_effect_changelist"): 12,
            page("eventstore_effect_change", quote("mail:1/a_b")): 16,
            page("eventstore_approval_changelist"): 14,
            page("eventstore_approval_change", APPROVAL): 15,
            page("eventstore_alert_changelist"): 14,
            page("eventstore_alert_change", self.alert.pk): 16,
            page("eventstore_apikey_changelist"): 14,
            page("eventstore_apikey_change", self.key.prefix): 13,
            page("orders_ordersummary_changelist"): 13,
            page("orders_ordersummary_change", ID): 19,
        }

    def doors(self):
        """Pages for those who may act."""
        again = page("eventstore_consumerstate_again", "test.recording")
        return [
            page("eventstore_parkedkey_edit", self.parked.pk),
            page("eventstore_consumerstate_again", "orders.order_list"),
            again,
            again + "?count=1&effects=receipt&since=2020-01-01T00:00",
            again + "?count=1&since=yesterday",
        ]

    def others(self):
        """Pages that are Django's, in our clothes."""
        user = self.ada.pk
        names = ["auth_user_changelist", "auth_user_add", "auth_group_changelist", "auth_group_add", "password_change"]
        rows = ["auth_user_change", "auth_user_delete", "auth_user_history"]
        lists = [page("app_list", "auth"), page("app_list", "eventstore")]
        return [*(page(name) for name in names), *(page(name, user) for name in rows), *lists]

    def test_every_page_is_shown_within_its_queries(self):
        self.client.force_login(self.cleo)
        for url, most in self.pages().items():
            with self.subTest(url), CaptureQueriesContext(connection) as queries:
                self.assertEqual(self.client.get(url).status_code, 200)
            self.assertLessEqual(len(queries), most, url)

    def test_no_page_counts_a_table(self):
        self.client.force_login(self.ada)
        for url in self.pages():
            with CaptureQueriesContext(connection) as queries:
                self.client.get(url)
            for query in queries.captured_queries:
                table = re.search(r"SELECT COUNT\(\*\).*?FROM \"(eventstore_event|orders_ordersummary)\"", query["sql"])
                self.assertIsNone(table, f"{url}: {query['sql'][:200]}")

    def test_nothing_is_inline_and_the_policy_says_so(self):
        self.client.force_login(self.ada)
        for url in [*self.pages(), *self.doors(), *self.others()]:
            with self.subTest(url):
                answer = self.client.get(url)
                self.assertEqual(answer.status_code, 200)
                self.assertEqual(INLINE.findall(answer.content.decode()), [])
                policy = answer.headers["Content-Security-Policy"]
                for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
                    self.assertIn(rule, policy)
                self.assertNotIn("unsafe", policy)
        self.client.logout()
        self.assertEqual(INLINE.findall(self.client.get(page("login")).content.decode()), [])

    def test_the_check_for_inline_things_finds_them(self):
        for bad in ('<p style="x">', "<style>", '<a onclick="x">', "<script>x</script>", '<a href="javascript:x">'):
            self.assertTrue(INLINE.search(bad), bad)
        for good in ('<script src="/x.js" defer></script>', '<script id="whole" type="application/json">{}</script>', "<p>no style</p>"):
            self.assertFalse(INLINE.search(good), good)

    def test_nothing_comes_from_elsewhere(self):
        self.client.force_login(self.ada)
        for url in [*self.pages(), *self.doors(), *self.others()]:
            found = re.findall(r'(?:src|href|action)="(https?:)?//', self.client.get(url).content.decode())
            self.assertEqual(found, [], url)

    def test_a_stranger_is_sent_to_the_door(self):
        for url in [*self.pages(), *self.doors(), *self.others(), page("jump")]:
            with self.subTest(url):
                answer = self.client.get(url)
                self.assertEqual(answer.status_code, 302)
                self.assertTrue(answer.headers["Location"].startswith(page("login") + "?next=/admin/"), answer.headers["Location"])

    def test_a_live_part_of_somebody_logged_out_asks_for_the_whole_page(self):
        for name in ("live_overview", "live_badges", "eventstore_consumerstate_live", "jump_offers"):
            answer = self.client.get(page(name), headers={"HX-Request": "true"})
            self.assertEqual((answer.status_code, answer.headers.get("HX-Refresh"), answer.content), (200, "true", b""))

    def test_who_has_no_right_to_a_page_is_refused(self):
        self.client.force_login(self.dan)
        free = ("/admin/", "/admin/live/", "/admin/jump/")
        for url in [*self.pages(), *self.doors()]:
            if url not in free and not url.startswith(free[1:]):
                with self.subTest(url):
                    self.assertEqual(self.client.get(url).status_code, 403)

    def test_who_only_looks_gets_to_no_page_that_acts(self):
        self.client.force_login(self.cleo)
        for url in self.doors():
            with self.subTest(url):
                self.assertEqual(self.client.get(url).status_code, 403)

    def test_history_can_be_neither_added_nor_edited_nor_deleted(self):
        self.client.force_login(self.ada)
        rows = {"eventstore_event": self.event.pk, "eventstore_parkedkey": self.parked.pk, "eventstore_consumerstate": "orders.order_list",
                "orders_ordersummary": ID}  # fmt: skip
        for name, key in rows.items():
            with self.subTest(name):
                self.assertEqual(self.client.get(page(f"{name}_add")).status_code, 403)
                self.assertEqual(self.client.get(page(f"{name}_delete", key)).status_code, 403)
                self.client.post(page(f"{name}_change", key), {"name": "x", "state": "dead", "status": "cancelled"})
                self.client.post(page(f"{name}_changelist"), {"action": "delete_selected", "_selected_action": [key], "post": "yes"})
        self.assertEqual(Event.objects.get(pk=self.event.pk).name, "orders.order_placed")
        self.assertEqual(ParkedKey.objects.get().state, "dead")

    def test_there_is_no_page_of_an_unknown_row(self):
        self.client.force_login(self.ada)
        for url in (
            page("orders_ordersummary_change", uuid4()),
            page("eventstore_consumerstate_change", "x\x00y"),
            page("eventstore_parkedkey_change", "x"),
        ):
            with self.subTest(url):
                self.assertContains(self.client.get(url, follow=True), "There is no")

    def test_a_wrong_address_of_a_list_leads_to_the_whole_list(self):
        self.client.force_login(self.ada)
        answer = self.client.get(page("orders_ordersummary_changelist") + "?nonsense=1", follow=True)
        self.assertContains(answer, "asked for something this list does not know")


class Navigation(TestCase):
    def navigation(self, user):
        self.client.force_login(user)
        sections = self.client.get(page("index")).context["navigation"]
        return {section: [line["entry"].label for line in lines] for section, lines in sections}

    def test_it_has_sections_and_shows_what_one_may_see(self):
        seen = self.navigation(staff.ada())
        self.assertEqual(list(seen), ["Operate", "Events", "Business", "System"])
        self.assertEqual(
            seen["Operate"], ["Overview", "Projections", "Approvals", "Sagas", "Runs", "Alerts", "Dead letters", "Parked keys", "Effects"]
        )
        self.assertEqual(seen["Events"], ["Event browser", "Staff acts", "Schemas"])
        self.assertIn("Orders", seen["Business"])
        self.assertIn("Users", seen["System"])
        self.assertEqual(self.navigation(staff.dan()), {"Operate": ["Overview"]})

    def test_every_key_leads_to_one_place(self):
        self.client.force_login(staff.ada())
        sections = self.client.get(page("index")).context["navigation"]
        keys = [line["entry"].shortcut for _, lines in sections for line in lines if line["entry"].shortcut]
        self.assertEqual(len(keys), len(set(keys)), keys)

    def test_the_line_of_the_page_one_is_on_is_marked(self):
        self.client.force_login(staff.ada())
        for url, label in (
            (page("index"), "Overview"),
            (page("eventstore_event_changelist") + "?q=x", "Event browser"),
            (page("auth_user_add"), "Users"),
        ):
            lines = [line for _, lines in self.client.get(url).context["navigation"] for line in lines]
            self.assertEqual([line["entry"].label for line in lines if line["current"]], [label])

    def test_the_demo_says_that_it_is_one(self):
        self.client.force_login(staff.ada())
        for demo in (True, False):
            with self.settings(DEMO=demo):
                self.assertEqual(">demo<" in self.client.get(page("index")).content.decode(), demo)
        self.assertIs(settings.DEBUG, False)


class JumpBox(TestCase):
    ada: User
    dan: User
    event: Event

    @classmethod
    def setUpTestData(cls):
        cls.ada, cls.dan = staff.ada(), staff.dan()
        with acting(correlation="story-1"):
            handle(place)
        deliver_everything()
        cls.event = Event.objects.get(stream=STREAM)

    def jump(self, text, user=None):
        self.client.force_login(user or self.ada)
        return self.client.get(page("jump"), {"q": text})

    def test_it_leads_to_whatever_the_text_names(self):
        for text, url in {
            str(ID): page("orders_ordersummary_change", ID),
            f"  {ID} ": page("orders_ordersummary_change", ID),
            str(self.event.pk): page("eventstore_event_change", self.event.pk),
            STREAM: page("orders_ordersummary_change", ID),
            f"{self.event.partition}-{self.event.position}": page("eventstore_event_change", self.event.pk),
            "browser": page("eventstore_event_changelist"),
            "orders.order_detail": page("eventstore_consumerstate_change", "orders.order_detail"),
            "ada": page("orders_ordersummary_changelist") + "?q=ada",
            "story-1": page("eventstore_event_changelist") + "?q=story-1",
        }.items():
            with self.subTest(text):
                self.assertRedirects(self.jump(text), url, fetch_redirect_response=False)

    def test_it_offers_everything_a_text_could_mean(self):
        self.client.force_login(self.ada)
        answer = self.client.get(page("jump_offers"), {"q": str(ID)})
        self.assertEqual([find.kind for find in answer.context["finds"]], ["order", "stream"])
        self.assertContains(answer, STREAM)
        self.assertContains(self.client.get(page("jump_offers"), {"q": "<b>"}), "Nothing here is called that")

    def test_what_is_not_there_is_told(self):
        for text in ("nobody knows", "", "\x00", "<b>", "9" * 300, "99999-1", "1-" + "9" * 18):
            with self.subTest(text[:20]):
                answer = self.jump(text)
                self.assertRedirects(answer, page("index"), fetch_redirect_response=False)
        self.assertContains(self.client.get(page("index")), "&lt;b&gt;")

    def test_it_finds_only_what_one_may_see(self):
        for text in (str(ID), str(self.event.pk), STREAM, "story-1", "orders.order_detail"):
            with self.subTest(text):
                self.assertRedirects(self.jump(text, self.dan), page("index"), fetch_redirect_response=False)
