"""Wherever an event is read, an old version of it is read too: live, again, beside, in the past, on pages, outside."""

from typing import Any
from uuid import UUID

import msgspec
from django.test import TestCase
from django.urls import reverse

from eventstore.clock import new_id
from eventstore.delivery import Consumer, Retry, claim, consumer_named, drain, forget_consumer, lay_out, retry, transport
from eventstore.delivery.dry_runs import dry_run
from eventstore.delivery.letters import open_letter
from eventstore.delivery.repairs import edit, failed_event
from eventstore.log import NEW, append, partition_of, unit_of_work
from eventstore.messages import Event, downcasts, event, publish, upcasts
from eventstore.models import Event as Row
from eventstore.models import ParkedKey
from eventstore.moments import as_of, parse
from eventstore.projections import start_rebuild
from eventstore.runs import Selection, drive, measure, preview, rebuild_beside, replay
from eventstore.testing import deliver_everything
from orders.domain import orders
from orders.events import OrderPlaced
from orders.models import OrderSummary
from tests import staff
from tests.clients import ApiClient, make_key
from tests.eventstore.schemas.declaring import another_release, forget

NAME = "orders.order_placed"
ID = UUID(int=7)
STREAM = orders.stream(ID)


class OldOrderPlaced(Event):
    """As the first release wrote it: a customer, one article, a price."""

    order_id: UUID
    customer: str
    sku: str
    price: int


def lead_on(old: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew one article an order, and only pounds."""
    return {
        "order_id": old["order_id"],
        "currency": "GBP",
        "customer_ref": old["customer"],
        "lines": [{"sku": old["sku"], "quantity": 1, "unit_price": str(old["price"])}],
        "total": str(old["price"]),
    }


def lead_down(new: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": new["order_id"], "customer": new["customer_ref"], "sku": new["lines"][0]["sku"], "price": int(new["total"])}


class OldVersions(TestCase):
    """The log holds version 1 of an event; today's code writes version 2."""

    def setUp(self):
        self.enterContext(another_release())
        transport().flush()
        forget(NAME)
        event(NAME, version=1)(OldOrderPlaced)
        with unit_of_work():
            append(STREAM, [OldOrderPlaced(order_id=ID, customer="C1", sku="tea", price=450)], expected=NEW)
        forget(NAME)
        event(NAME, version=2, money=("total", "currency"))(OrderPlaced)
        upcasts(NAME, version=1)(lead_on)
        downcasts(NAME, version=2)(lead_down)
        publish(OrderPlaced, versions=(1, 2), forms=("full", "notification"), notification=("order_id",))
        self.lane = partition_of(STREAM)
        self.taken: list[OrderPlaced] = []
        self.broken = False
        self.consumer = Consumer("test.old", retry=Retry(attempts=2), replay="allow")
        self.addCleanup(forget_consumer, "test.old")
        self.consumer.on(OrderPlaced)(self.take)
        lay_out()

    def take(self, event: OrderPlaced, envelope: Any) -> None:
        if self.broken:
            raise ValueError("the other side is away")
        self.taken.append(event)

    def assert_taken(self, times: int = 1) -> None:
        self.assertEqual([(event.customer_ref, event.total, event.lines[0].sku) for event in self.taken], [("C1", "450", "tea")] * times)

    def test_live_from_the_stream(self):
        deliver_everything()
        self.assert_taken()

    def test_live_from_the_log_when_the_stream_is_silent(self):
        drain(self.consumer, self.lane)
        self.assert_taken()

    def test_parked_and_tried_again(self):
        self.broken = True
        drain(self.consumer, self.lane)
        parked = ParkedKey.objects.get()
        self.assertEqual(open_letter(parked).data["customer_ref"], "C1")
        self.broken = False
        claimed = claim(str(parked.pk))
        assert claimed is not None
        retry(claimed)
        self.assert_taken()

    def test_a_corrected_payload_is_of_the_newest_version_and_is_not_led_on_again(self):
        self.broken = True
        drain(self.consumer, self.lane)
        parked = ParkedKey.objects.get()
        self.broken = False
        data = open_letter(parked).data | {"customer_ref": "C2"}
        data["order_id"] = str(data["order_id"])
        self.assertEqual(dry_run(self.consumer, failed_event(parked), data).error, "")
        self.assertEqual([event.customer_ref for event in self.taken], ["C2"])
        edit(parked.pk, data, "the customer moved")
        self.assertEqual([event.customer_ref for event in self.taken], ["C2", "C2"])

    def test_replayed(self):
        deliver_everything()
        drive(replay("test.old", Selection(), reason="they lost it", effects="receipt").id)
        self.assert_taken(2)

    def test_counted_with_the_money_that_it_says_in_its_own_words(self):
        blast = measure(consumer_named("test.old"), Selection(), effects="run", target="live")
        self.assertEqual(blast.money, {"GBP": "450"})

    def test_projected_and_rebuilt_in_place(self):
        deliver_everything()
        self.assertEqual(OrderSummary.objects.get().customer_ref, "C1")
        start_rebuild("orders.order_list", "once more")
        deliver_everything()
        self.assertEqual(OrderSummary.objects.get().customer_ref, "C1")

    def test_rebuilt_beside_the_live_table(self):
        deliver_everything()
        run = rebuild_beside("orders.order_list", reason="once more")
        drive(run.id)
        diff = preview(run.id)
        self.assertEqual((diff.added, diff.changed, diff.removed), (0, 0, 0))

    def test_folded_as_of_the_past(self):
        self.assertEqual(as_of(orders, ID, parse("1")).state.total, 450)

    def test_on_the_pages_of_staff(self):
        self.client.force_login(staff.ada())
        row = Row.objects.get(stream=STREAM)
        page = self.client.get(reverse("admin:eventstore_event_change", args=[row.pk]))
        self.assertContains(page, "schema version 1, read as 2")
        self.assertContains(page, "Read as version 2")
        self.assertContains(page, "customer_ref")
        story = self.client.get(reverse("admin:eventstore_stream", args=[STREAM]))
        self.assertEqual(story.context["history"].chapters[0].problem, "")
        self.assertContains(story, "450")

    def test_on_the_pages_of_staff_when_its_upcaster_breaks(self):
        upcasts.__globals__["_upcasters"][NAME, 1] = lambda old: old["nothing"].upper()
        self.client.force_login(staff.ada())
        page = self.client.get(reverse("admin:eventstore_event_change", args=[Row.objects.get(stream=STREAM).pk]))
        self.assertContains(page, "does not read as OrderPlaced")

    def feed(self, **query: Any) -> Any:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return ApiClient(make_key(scopes=("events:read",))).read(f"/api/v1/events?{asked}")

    def test_outside_as_it_was_recorded_or_as_the_reader_asks(self):
        (recorded,) = self.feed().json()["data"]
        self.assertEqual((recorded["schema_version"], recorded["form"], recorded["data"]["price"]), (1, "recorded", 450))
        (newest,) = self.feed(form="full").json()["data"]
        self.assertEqual((newest["schema_version"], newest["form"], newest["data"]["total"]), (2, "full", "450"))
        (told,) = self.feed(form="notification").json()["data"]
        self.assertEqual(told["data"], {"order_id": str(ID)})

    def test_outside_two_versions_go_out_side_by_side(self):
        with unit_of_work():
            cup = lead_on({"order_id": str(new_id()), "customer": "C2", "sku": "cup", "price": 900})
            append("order-new", [msgspec.convert(cup, OrderPlaced)], expected=NEW)
        prices = [each["data"]["price"] for each in self.feed(schema_version=1, name=NAME).json()["data"]]
        totals = [each["data"]["total"] for each in self.feed(schema_version=2, name=NAME).json()["data"]]
        self.assertEqual((sorted(prices), sorted(totals)), ([450, 900], ["450", "900"]))

    def test_outside_what_does_not_go_out_is_told_what_does(self):
        answer = self.feed(schema_version=3, name=NAME)
        told = answer.json()
        self.assertEqual((answer.status_code, told["code"]), (400, "not_published"))
        self.assertIn("Published: version 1 and 2 as full or notification.", told["detail"])
        self.assertEqual(told["published"][NAME], {"versions": [1, 2], "forms": ["full", "notification"]})
        self.assertEqual(self.feed(form="full", name="ledger.transaction_posted").json()["code"], "not_published")
        self.assertEqual(self.feed(form="fulll").json()["code"], "invalid_parameter")
