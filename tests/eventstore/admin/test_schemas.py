"""The screen of schemas: what there is, what would break whom, and what one looks like."""

from django.test import TestCase
from django.urls import reverse

from eventstore.log import NEW, append, unit_of_work
from eventstore.messages import Event, class_of, downcasts, event, publish, upcasts
from eventstore.schemas import Key, catalogue, read_shelves
from eventstore.schemas import offers as real_offers
from orders.events import OrderCancelled
from tests import staff
from tests.eventstore.management.calling import Called
from tests.eventstore.schemas.declaring import another_release, forget

NAME = "orders.order_cancelled"
LIST = reverse("admin:eventstore_publishedschema_changelist")


def page_of(name: str) -> str:
    return reverse("admin:eventstore_schema", args=[name])


class Schemas(TestCase):
    def setUp(self):
        self.client.force_login(staff.ada())
        self.enterContext(another_release())

    def test_every_event_is_listed_and_what_is_not_published_is_told(self):
        page = self.client.get(LIST)
        for entry in catalogue():
            self.assertContains(page, page_of(entry.name))
        self.assertContains(page, "publish_schemas --check")
        Called("publish_schemas")
        page = self.client.get(LIST)
        self.assertNotContains(page, "publish_schemas --check")

    def test_an_event_shows_its_versions_its_readers_and_an_example(self):
        Called("publish_schemas")
        with unit_of_work():
            append("order-1", [OrderCancelled(order_id="00000000-0000-0000-0000-000000000001", reason="顧客")], expected=NEW)  # type: ignore[arg-type]
        page = self.client.get(page_of(NAME))
        for told in ("notification", "shell:", "orders.order_list", "顧客", "forward compatibility", "The order will not be fulfilled"):
            self.assertContains(page, told)
        self.assertEqual([line["held"] for line in page.context["versions"]], ["1", "1"])

    def test_two_versions_are_told_apart_in_words(self):
        forget(NAME)

        @event(NAME, version=2)
        class Cancelled(Event):
            """The order will not be fulfilled, and somebody said so."""

            order_id: str
            by: str

        Cancelled.__module__ = "orders.events"
        upcasts(NAME, version=1)(lambda old: {"order_id": old["order_id"], "by": old["reason"]})
        downcasts(NAME, version=2)(lambda new: {"order_id": new["order_id"], "reason": new["by"]})
        publish(Cancelled, versions=(1, 2))
        self.assertIn(Key(name=NAME, version=2), real_offers(read_shelves()))
        page = self.client.get(page_of(NAME))
        self.assertContains(page, "From version 1 to 2")
        self.assertContains(page, "field reason was removed: whoever reads version 1 still asks for it")
        self.assertContains(page, "field by was added and must be there: what was written as version 1 has not got it")
        self.assertEqual(class_of(NAME, 2), Cancelled)
        self.assertNotContains(self.client.get(f"{page_of(NAME)}?to=1"), "From version")

    def test_who_may_not_look_is_sent_away(self):
        self.client.force_login(staff.dan())
        self.assertEqual(self.client.get(LIST).status_code, 403)
        self.assertEqual(self.client.get(page_of(NAME)).status_code, 403)

    def test_an_event_that_nobody_declares_is_not_found(self):
        self.assertEqual(self.client.get(page_of("orders.nothing")).status_code, 404)
