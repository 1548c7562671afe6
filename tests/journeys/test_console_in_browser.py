"""The console in a real browser: no error and no breach of the policy on any page, live parts that live, keys that work."""

from django.test import tag

from config.test_runner import ALONE
from eventstore.delivery import Retry
from eventstore.messages import Envelope
from eventstore.models import Effect, Event, FailedEvent, ParkedKey
from eventstore.runs import drive, preview, rebuild_beside, redrive
from eventstore.testing import deliver_everything
from orders.domain import orders
from orders.handlers import handle
from orders.models import OrderSummary
from tests import staff
from tests.eventstore.delivery.recording import Recording, record
from tests.journeys.browsers import Browser, page
from tests.orders.examples import ID, place


def fail(envelope: Envelope) -> None:
    raise ValueError("no")


@tag("browser", ALONE)
class Console(Browser):
    def setUp(self):
        super().setUp()
        staff.ada()
        told = Recording(self, retry=Retry(attempts=1))
        told.rule = fail
        record("counter-1", 2)
        handle(place)
        deliver_everything()

    def deliver_again(self):
        """A rebuild that is ready to be swapped in, a redrive that has just begun, an effect that nobody knows about."""
        self.beside = rebuild_beside("orders.order_list", reason="a look")
        drive(self.beside.pk)
        OrderSummary.objects.update(customer_ref="wrong")
        preview(self.beside.pk)
        self.again = redrive([ParkedKey.objects.get().pk], reason="mended")
        Effect.objects.create(key="mail:1", state="unknown")

    def places(self):
        self.deliver_again()
        names = ["index", "eventstore_event_changelist", "eventstore_consumerstate_changelist", "eventstore_parkedkey_changelist"]
        names += ["orders_ordersummary_changelist", "auth_user_changelist", "auth_user_add", "auth_group_add", "password_change"]
        rows = [page("eventstore_event_change", Event.objects.get(stream="counter-1", version=1).pk)]
        rows += [page("eventstore_stream", orders.stream(ID)), page("eventstore_consumerstate_change", "orders.timeline")]
        rows += [page("eventstore_parkedkey_change", ParkedKey.objects.get().pk), page("orders_ordersummary_change", ID)]
        names += ["eventstore_run_changelist", "eventstore_failuregroup_changelist", "eventstore_effect_changelist"]
        rows += [page("eventstore_run_change", run.pk) for run in (self.beside, self.again)]
        rows += [
            page("eventstore_failuregroup_change", FailedEvent.objects.get().fingerprint),
            page("eventstore_effect_change", "mail_3A1"),
        ]
        rows += [page("eventstore_parkedkey_edit", ParkedKey.objects.get().pk), page("eventstore_consumerstate_again", "orders.order_list")]
        rows += [page("eventstore_consumerstate_again", "test.recording") + "?count=1"]
        rows += [page("eventstore_event_reverse", Event.objects.get(stream=orders.stream(ID), version=1).pk)]
        return [*map(page, names), *rows, page("eventstore_event_changelist") + "?where=nonsense"]

    def test_no_page_gives_the_browser_a_reason_to_complain(self):
        with self.visit() as window:
            for url in self.places():
                self.go(window, url)
                self.assertTrue(window.text_content("h1").strip(), url)
                for width in (1280, 800):
                    window.set_viewport_size({"width": width, "height": 900})
                    wide = window.evaluate("document.documentElement.scrollWidth - innerWidth")
                    self.assertLessEqual(wide, 0, f"{url} is wider than a window of {width}")
        self.assertEqual(self.complaints, [])

    def test_the_policy_stops_what_is_inline(self):
        with self.visit() as window:
            window.evaluate("document.body.insertAdjacentHTML('beforeend', '<p id=ink style=\"color: red\">x</p>')")
            self.assertNotEqual(window.evaluate("getComputedStyle(document.getElementById('ink')).color"), "rgb(255, 0, 0)")
        self.assertIn("Content Security Policy", self.complaints[0])

    def test_the_overview_lives_and_rests_while_nobody_looks(self):
        with self.visit() as window:
            window.wait_for_selector("text=3 in the log")
            record("counter-2", 4)
            window.wait_for_selector("text=7 in the log")
            window.wait_for_selector("text=4 events wait for the relay")
            window.wait_for_selector(".live >> text=/updated/")
            window.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
            window.wait_for_timeout(500)
            asked = []
            window.on("request", lambda request: asked.append(request.url))
            window.wait_for_timeout(4500)
            self.assertEqual(asked, [])
            window.evaluate(
                "Object.defineProperty(document, 'hidden', {value: false}); document.dispatchEvent(new Event('visibilitychange'))"
            )
            window.wait_for_timeout(1500)
            self.assertTrue(any("/live/overview/" in url for url in asked))
        self.assertEqual(self.complaints, [])

    def test_a_link_that_has_the_focus_keeps_it_through_an_update(self):
        with self.visit() as window:
            focused = "document.activeElement.getAttribute('href')"
            window.keyboard.press("j")
            held = window.evaluate(focused)
            self.assertIn("/change/", held)
            for _ in range(2):
                with window.expect_response(lambda answer: "/live/overview/" in answer.url):
                    pass
            window.wait_for_timeout(300)
            self.assertEqual(window.evaluate(focused), held)

    def test_everything_can_be_done_by_keys(self):
        with self.visit() as window:
            window.keyboard.press("?")
            self.assertTrue(window.is_visible("#keys"))
            window.keyboard.press("Escape")
            self.assertFalse(window.is_visible("#keys"))
            with window.expect_navigation():
                window.keyboard.type("ge")
            self.assertIn(page("eventstore_event_changelist"), window.url)
            window.keyboard.press("/")
            self.assertEqual(window.evaluate("document.activeElement.id"), "searchbar")
            window.keyboard.type("ge/j?")
            self.assertEqual(window.input_value("#searchbar"), "ge/j?", "keys do nothing while somebody types")
            window.keyboard.press("Escape")
            window.evaluate("document.activeElement.blur()")
            window.keyboard.press("j")
            window.keyboard.press("j")
            window.keyboard.press("k")
            window.keyboard.press("j")
            with window.expect_navigation():
                window.keyboard.press("Enter")
            second = Event.objects.order_by("-pk")[1]
            self.assertIn(page("eventstore_event_change", second.pk), window.url)
        self.assertEqual(self.complaints, [])

    def test_the_slider_moves_over_versions_by_keys_and_the_address_keeps_up(self):
        stream = page("eventstore_stream", "counter-9")
        record("counter-9", 5)
        with self.visit() as window:
            self.go(window, stream)
            window.focus("#at")
            window.keyboard.press("ArrowLeft")
            window.wait_for_selector("#stop >> text=State at version 4")
            window.keyboard.press("Home")
            window.wait_for_selector("#stop >> text=before the first event")
            self.assertTrue(window.url.endswith("?at=1"), window.url)
            self.assertEqual(window.evaluate("document.activeElement.id"), "at")
            window.focus("#slide-on")
            window.keyboard.press("Enter")
            window.wait_for_selector("#stop >> text=State at version 2")
            self.assertEqual((window.input_value("#at"), window.evaluate("document.activeElement.id")), ("2", "slide-on"))
            window.fill("#against", "5")
            window.wait_for_selector("#stop >> text=Compared with version 5")
            self.assertTrue(window.url.endswith("?at=2&against=5"), window.url)
            window.keyboard.press("Tab")
            window.focus("#at")
            window.keyboard.press("End")
            window.wait_for_selector("#stop >> text=State at version 5")
        self.assertEqual(self.complaints, [])

    def test_the_slider_needs_no_script(self):
        record("counter-9", 5)
        with self.visit(java_script_enabled=False) as window:
            self.go(window, page("eventstore_stream", "counter-9"))
            window.click("#slide-first")
            window.wait_for_selector("#stop >> text=State at version 1")
            window.fill("#against", "3")
            window.click("#slider button")
            window.wait_for_selector("#stop >> text=Compared with version 3")

    def test_an_event_is_taken_back_on_its_page(self):
        event = Event.objects.get(stream=orders.stream(ID), version=1)
        with self.visit() as window:
            self.go(window, page("eventstore_event_change", event.pk))
            window.click("text=Reverse…")
            window.wait_for_selector("text=orders.order_cancelled")
            window.fill("[name=reason]", "placed twice")
            window.click("button >> text=Reverse it")
            window.wait_for_selector("text=Reversed by")
        self.assertEqual(self.complaints, [])

    def test_the_jump_box_offers_and_leads(self):
        with self.visit() as window:
            window.keyboard.press("Control+k")
            window.keyboard.type(str(ID))
            window.wait_for_selector("#offers >> text=84.00 EUR")
            window.keyboard.press("ArrowDown")
            with window.expect_navigation():
                window.keyboard.press("Enter")
            self.assertIn(page("orders_ordersummary_change", ID), window.url)
        self.assertEqual(self.complaints, [])

    def test_an_act_asks_for_a_reason_and_is_seen_at_once(self):
        with self.visit() as window:
            self.go(window, page("eventstore_consumerstate_change", "orders.timeline"))
            window.click("text=Pause…")
            self.assertIn("takes nothing more after its current batch", window.text_content("dialog[open]"))
            window.click("dialog[open] button[type=submit]")
            self.assertTrue(window.is_visible("dialog[open]"), "the browser itself insists on a reason")
            window.fill("dialog[open] input[name=reason]", "a look at the numbers")
            with window.expect_navigation():
                window.keyboard.press("Enter")
            self.assertIn("orders.timeline is paused", window.text_content(".messagelist"))
            self.assertIn("a look at the numbers", window.text_content("main"))
        self.assertEqual(self.complaints, [])

    def test_an_edit_is_checked_tried_and_kept(self):
        with self.visit() as window:
            self.go(window, page("eventstore_parkedkey_edit", ParkedKey.objects.get().pk))
            window.fill("#payload", '{"by": "many"}')
            window.wait_for_selector("#checked >> text=#/by")
            window.fill("#payload", '{"by": 7}')
            window.wait_for_selector("#checked ins >> text=7")
            window.click("text=Dry run")
            window.wait_for_selector("#checked >> text=It would fail")
            window.click("text=Keep it and retry")
            self.assertIn("/edit/", window.url, "the browser itself insists on a reason")
            window.fill("input[name=reason]", "a typo")
            with window.expect_navigation():
                window.click("text=Keep it and retry")
            self.assertIn("failed again", window.text_content(".messagelist"))
            with window.expect_response(lambda answer: "/dry-run/" in answer.url):
                window.click("text=Dry run")
            window.wait_for_selector("#tried >> text=It would fail")
        self.assertEqual(self.complaints, [])

    def test_a_verb_acts_on_what_is_ticked(self):
        with self.visit() as window:
            self.go(window, page("eventstore_failuregroup_change", FailedEvent.objects.get().fingerprint))
            window.wait_for_selector("text=Act on 1 of 1")
            window.uncheck("input[name=key]")
            window.wait_for_selector("text=Act on 0 of 1")
            window.check("input[data-choose=key]")
            window.click("text=Act on 1 of 1")
            window.check("input[value=skip]")
            window.fill("dialog[open] input[name=reason]", "not worth it")
            with window.expect_navigation():
                window.keyboard.press("Enter")
            self.assertIn("Done: skipped", window.text_content(".messagelist"))
        self.assertEqual(self.complaints, [])

    def test_a_run_is_followed_to_its_end_and_its_swap_asks_for_the_name(self):
        self.deliver_again()
        with self.visit() as window:
            self.go(window, page("eventstore_run_change", self.again.pk))
            window.wait_for_selector("h1 + .pill >> text=running")
            drive(self.again.pk)
            window.wait_for_selector("h1 + .pill >> text=completed")
            self.go(window, page("eventstore_run_change", self.beside.pk))
            window.click("text=Approve and swap…")
            window.fill("dialog[open] input[name=typed]", "orders.order_list")
            window.fill("dialog[open] input[name=reason]", "checked")
            with window.expect_navigation():
                window.keyboard.press("Enter")
            self.assertIn("are live: 1 rows changed", window.text_content(".messagelist"))
        self.assertEqual(self.complaints, [])

    def test_the_theme_follows_the_system_until_somebody_chooses(self):
        paper = "getComputedStyle(document.body).backgroundColor"
        with self.visit(color_scheme="dark") as window:
            dark = window.evaluate(paper)
            window.click(".theme-toggle")
            light = window.evaluate(paper)
            self.assertNotEqual(dark, light)
            self.go(window, page("orders_ordersummary_changelist"))
            self.assertEqual(window.evaluate(paper), light, "the choice is remembered")
        with self.visit(color_scheme="light") as window:
            self.assertEqual(window.evaluate(paper), light)
        self.assertEqual(self.complaints, [])

    def test_a_narrow_window_hides_the_navigation_behind_a_button(self):
        with self.visit() as window:
            window.set_viewport_size({"width": 800, "height": 900})
            window.wait_for_selector("#nav-sidebar", state="hidden")
            window.click("[data-toggle-navigation]")
            window.wait_for_selector("#nav-sidebar >> text=Orders", state="visible")
        self.assertEqual(self.complaints, [])

    def test_an_id_is_copied_by_a_click(self):
        with self.visit(permissions=["clipboard-read", "clipboard-write"]) as window:
            event = Event.objects.get(stream="counter-1", version=1)
            self.go(window, page("eventstore_event_change", event.pk))
            window.click(".copy")
            self.assertEqual(window.evaluate("navigator.clipboard.readText()"), str(event.pk))
            window.click("text=Copy as JSON")
            window.wait_for_selector(".button.copied")
            self.assertIn('"name": "test.raised"', window.evaluate("navigator.clipboard.readText()"))

    def test_whoever_is_logged_out_meanwhile_gets_the_login_page(self):
        with self.visit() as window:
            window.context.clear_cookies()
            window.wait_for_selector("#id_username")
            self.assertEqual(window.locator("#id_username").count(), 1)
