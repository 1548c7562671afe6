"""The second person at work in a real browser: the inbox leads to the question, a word ends it; alerts say what is missing."""

from django.test import tag

from config.test_runner import ALONE
from eventstore.models import Approval
from tests import staff
from tests.eventstore.api.test_alerts import raise_alerts
from tests.eventstore.approvals.examples import ID, ask_for, change
from tests.journeys.browsers import Browser, page


@tag("browser", ALONE)
class Decisions(Browser):
    def setUp(self):
        super().setUp()
        staff.ada()
        change()
        ask_for("user:ben", due_in=3600, facts={"total": "1,234.56 GBP", "customer": "C42"})
        self.alert = raise_alerts(self, "counter-2")[0]

    def test_no_page_gives_the_browser_a_reason_to_complain(self):
        urls = [page("eventstore_approval_changelist"), page("eventstore_approval_change", ID)]
        urls += [page("index"), page("eventstore_alert_changelist"), page("eventstore_alert_change", self.alert.pk)]
        with self.visit() as window:
            for url in urls:
                self.go(window, url)
                for width in (1280, 800):
                    window.set_viewport_size({"width": width, "height": 900})
                    wide = window.evaluate("document.documentElement.scrollWidth - innerWidth")
                    self.assertLessEqual(wide, 0, f"{url} is wider than a window of {width}")
        self.assertEqual(self.complaints, [])

    def test_a_question_is_answered(self):
        with self.visit() as window:
            self.go(window, page("eventstore_approval_changelist"))
            with window.expect_navigation():
                window.click("#result_list a")
            window.click("text=Grant…")
            window.fill("dialog[open] input[name=comment]", "known for years")
            with window.expect_navigation():
                window.click("dialog[open] button[type=submit]")
            window.wait_for_selector("text=It is granted.")
        self.assertEqual(Approval.objects.get(pk=ID).state, "granted")
        self.assertEqual(self.complaints, [])
