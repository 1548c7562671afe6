"""Alerts in the console: what is open comes first, somebody says what they know, and it clears itself."""

from django.test import TestCase
from django.urls import reverse

from eventstore import doctor, health
from eventstore.log import ANY, append, unit_of_work
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.api.test_alerts import raise_alerts
from tests.eventstore.examples import Noted

LIST = reverse("admin:eventstore_alert_changelist")


class Alerts(TestCase):
    def setUp(self):
        self.one, self.two = raise_alerts(self, "counter-1", "counter-2")
        self.client.force_login(staff.ben())

    def page(self):
        return reverse("admin:eventstore_alert_change", args=[self.one.pk])

    def acknowledge(self, note="the warehouse looks"):
        return self.client.post(reverse("admin:eventstore_alert_act", args=[self.one.pk, "acknowledge"]), {"note": note}, follow=True)

    def keys(self, query=""):
        return [row.key for row in self.client.get(LIST + query).context["cl"].result_list]

    def follow(self):
        with unit_of_work():
            append("counter-1", [Noted(text="a delivery")], expected=ANY)
        deliver_everything()

    def level(self):
        return next(report.level for report in doctor.examine() if report.what == "alerts")

    def test_the_list_shows_what_is_open(self):
        self.assertEqual(self.keys(), ["counter-2", "counter-1"])
        self.follow()
        self.assertEqual((self.keys(), self.keys("?state=cleared"), len(self.keys("?state=all"))), (["counter-2"], ["counter-1"], 2))
        self.assertEqual(self.keys("?rule=test.unexplained&q=counter-2"), ["counter-2"])

    def test_it_is_in_sight_until_somebody_looks_after_it(self):
        self.assertContains(self.client.get(reverse("admin:live_badges")), "2 open that nobody has acknowledged")
        self.assertContains(self.client.get(reverse("admin:index")), self.page())
        self.assertEqual((health.alerts(), self.level()), (health.Alerts(2, 2), "finding"))
        self.assertContains(self.client.get("/metrics"), "daybook_alerts_open 2.0")
        for alert in (self.one, self.two):
            self.one = alert
            self.acknowledge()
        self.assertContains(self.client.get(reverse("admin:live_badges")), "2 open, all acknowledged")
        self.assertEqual(self.level(), "advice")

    def test_the_page_tells_its_story(self):
        page = self.client.get(self.page())
        for text in ("nobody said why", "test.raised", "?from=1#v1", "test.unexplained", "Acknowledge…"):
            self.assertContains(page, text)
        self.assertContains(self.acknowledge(), "stays open until what is missing comes")
        self.assertContains(self.client.get(self.page()), "the warehouse looks")
        self.follow()
        page = self.client.get(self.page())
        self.assertContains(page, "test.noted")
        self.assertNotContains(page, "Acknowledge…")
        self.assertContains(self.acknowledge(), "this is not possible any more")

    def test_a_rule_that_is_gone_clears_nothing(self):
        from eventstore.delivery import forget_consumer

        forget_consumer("test.unexplained")
        self.assertContains(self.client.get(self.page()), "nothing will clear this alert by itself")

    def test_the_jump_box_finds_it(self):
        self.assertContains(self.client.get(reverse("admin:jump_offers"), {"q": "counter-1"}), self.page())

    def test_rights_are_respected(self):
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(self.page()), 'data-open="act-')
        self.assertEqual(self.acknowledge().status_code, 403)
        self.client.force_login(staff.dan())
        for url in (LIST, self.page()):
            self.assertEqual(self.client.get(url).status_code, 403)
