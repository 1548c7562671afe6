"""A saga in trouble is found, understood and settled in a real browser, and its page follows what happens."""

from datetime import timedelta

from django.db.models import F
from django.test import tag

from config.test_runner import ALONE
from eventstore import sagas
from eventstore.delivery import transport
from eventstore.models import SagaCommand, SagaInstance
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.sagas import trips
from tests.eventstore.sagas.trips import Seats, book
from tests.journeys.browsers import Browser, page


def broken(wanted):
    raise LookupError("the line is dead")


@tag("browser", ALONE)
class Sagas(Browser):
    def setUp(self):
        super().setUp()
        staff.ada()
        transport().flush()
        trips.declare(self)
        book("over")
        deliver_everything()
        Seats.rule = staticmethod(broken)
        book("stuck")
        deliver_everything()
        for _ in range(4):
            SagaCommand.objects.update(due_at=F("due_at") - timedelta(hours=2))
            sagas.carry_out_due()
        self.stuck = SagaInstance.objects.get(key="stuck")

    def test_from_the_first_page_to_the_end_of_the_trouble(self):
        with self.visit() as window:
            with window.expect_navigation():
                window.click("text=1 in trouble >> nth=-1")
            self.assertIn("status=trouble", window.url)
            with window.expect_navigation():
                window.click("#result_list >> text=stuck")
            self.assertIn("failed 5 times", window.text_content(".errornote"))
            for width in (1280, 390):
                window.set_viewport_size({"width": width, "height": 900})
                wide = window.evaluate("document.documentElement.scrollWidth - innerWidth")
                self.assertLessEqual(wide, 0, f"wider than a window of {width}")
            window.set_viewport_size({"width": 1280, "height": 900})
            window.click("text=Compensate…")
            self.assertIn("it would send: test.release_seat", window.text_content("dialog[open]"))
            window.click("dialog[open] >> text=Not now")
            window.click(".sent >> text=What it says")
            window.wait_for_timeout(2500)
            self.assertTrue(window.is_visible(".sent details[open]"), "nothing happened, so nothing is taken from whoever reads")
            Seats.rule = staticmethod(lambda wanted: None)
            window.click("text=Retry now…")
            window.fill("dialog[open] input[name=reason]", "the line is back")
            with window.expect_navigation():
                window.keyboard.press("Enter")
            self.assertIn("is due now", window.text_content(".messagelist"))
            deliver_everything()
            window.wait_for_selector("text=It is over: confirmed")
            window.wait_for_selector("#saga >> text=the line is back")
            self.assertFalse(window.is_visible(".live"), "it is over: nobody asks any more")
        self.assertEqual(self.complaints, [])

    def test_no_page_gives_the_browser_a_reason_to_complain(self):
        over = SagaInstance.objects.get(key="over")
        with self.visit() as window:
            for url in (
                page("eventstore_sagainstance_changelist"),
                page("eventstore_sagainstance_changelist") + "?q=nobody",
                page("eventstore_sagainstance_change", over.pk),
                page("eventstore_sagainstance_change", self.stuck.pk),
            ):
                self.go(window, url)
                self.assertTrue(window.text_content("h1").strip(), url)
        self.assertEqual(self.complaints, [])
