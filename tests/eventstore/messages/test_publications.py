"""What the outside reads of an event: an earlier version while readers migrate, all of it or a notification."""

from uuid import UUID

from django.core.checks import run_checks
from django.test import SimpleTestCase
from msgspec import Raw

from eventstore.clock import now
from eventstore.errors import NameTaken, NotPublished, UnreadableEvent
from eventstore.messages import Envelope, Event, downcasts, encode, event, publish, published, upcasts
from tests.eventstore.schemas.declaring import another_release

NAME = "shop.parcel_sent"


def recorded(version: int, **payload: object) -> Envelope:
    return Envelope(0, 1, UUID(int=1), "parcel-1", 1, NAME, version, Raw(encode(payload)), {}, now(), now())


class Publications(SimpleTestCase):
    def setUp(self):
        self.enterContext(another_release())

        @event(NAME, version=3)
        class ParcelSent(Event):
            """A parcel left the house."""

            parcel: UUID
            grams: int
            carrier: str = "post"

        self.cls = ParcelSent
        upcasts(NAME, version=1)(lambda old: {"parcel": old["parcel"], "kilos": old["weight"]})
        upcasts(NAME, version=2)(lambda old: {"parcel": old["parcel"], "grams": old["kilos"] * 1000})
        downcasts(NAME, version=3)(lambda new: {"parcel": new["parcel"], "kilos": new["grams"] // 1000})
        downcasts(NAME, version=2)(lambda new: {"parcel": new["parcel"], "weight": new["kilos"]})

    def test_each_version_that_goes_out_is_made_from_any_that_was_recorded(self):
        publish(self.cls, versions=(1, 2, 3))
        parcel = str(UUID(int=7))
        expected = {
            1: {"parcel": parcel, "weight": 2},
            2: {"parcel": parcel, "kilos": 2},
            3: {"parcel": parcel, "grams": 2000, "carrier": "post"},
        }
        written = [recorded(1, parcel=parcel, weight=2), recorded(2, parcel=parcel, kilos=2), recorded(3, parcel=parcel, grams=2000)]
        for envelope in written:
            for version, payload in expected.items():
                with self.subTest(written=envelope.schema_version, read=version):
                    self.assertEqual(published(envelope, version), payload)

    def test_a_notification_says_that_it_happened_and_no_more(self):
        publish(self.cls, forms=("notification", "full"), notification=("parcel",))
        envelope = recorded(3, parcel=UUID(int=7), grams=2000)
        self.assertEqual(published(envelope), {"parcel": str(UUID(int=7))})
        self.assertEqual(published(envelope, form="full")["grams"], 2000)

    def test_what_does_not_go_out_is_told_what_does(self):
        publish(self.cls, versions=(2, 3))
        envelope = recorded(3, parcel=UUID(int=7), grams=2000)
        with self.assertRaisesMessage(NotPublished, "shop.parcel_sent does not go out as version 1. Published: version 2 and 3 as full."):
            published(envelope, 1)
        with self.assertRaisesMessage(NotPublished, "does not go out as version 3 as notification"):
            published(envelope, form="notification")

    def test_an_event_without_a_publication_stays_inside(self):
        with self.assertRaisesMessage(NotPublished, "Published: nothing: it is internal."):
            published(recorded(3, parcel=UUID(int=7), grams=2000))

    def test_a_converter_that_breaks_names_the_event(self):
        publish(self.cls, versions=(1, 3))
        downcasts.__globals__["_downcasters"][NAME, 2] = lambda new: new["nowhere"]
        with self.assertRaisesMessage(UnreadableEvent, "does not read as version 1 (full): KeyError('nowhere')"):
            published(recorded(3, parcel=UUID(int=7), grams=2000), 1)

    def test_an_upcaster_that_breaks_names_the_event(self):
        upcasts.__globals__["_upcasters"][NAME, 1] = lambda old: old["parcel"].nothing
        with self.assertRaisesMessage(UnreadableEvent, "(shop.parcel_sent version 1) does not read"):
            _ = recorded(1, parcel="x", weight=2).event

    def test_a_public_name_belongs_to_one_event(self):
        @event("shop.other")
        class Other(Event):
            """Something else."""

        publish(self.cls, as_="shop.sent")
        with self.assertRaises(NameTaken):
            publish(Other, as_="shop.sent")


class Checks(SimpleTestCase):
    def setUp(self):
        self.enterContext(another_release())

    def found(self) -> list[str]:
        return [
            f"{message.id}: {message.msg}"
            for message in run_checks()
            if message.id in ("eventstore.E010", "eventstore.E011", "eventstore.W012")
        ]

    def test_a_version_that_nothing_leads_down_to_is_told_at_start(self):
        @event(NAME, version=3)
        class ParcelSent(Event):
            """A parcel left the house."""

        publish(ParcelSent, versions=(1, 3))
        downcasts(NAME, version=2)(dict)
        self.assertEqual(self.found(), ["eventstore.E010: shop.parcel_sent goes out as version 1, but nothing leads down from version 3."])

    def test_a_notification_of_fields_that_are_not_there_is_told_at_start(self):
        @event(NAME)
        class ParcelSent(Event):
            """A parcel left the house."""

        publish(ParcelSent, forms=("notification",), notification=("parcle",))
        self.assertEqual(self.found(), ["eventstore.E011: The publication of shop.parcel_sent names parcle, and there is no such thing."])

    def test_an_event_that_does_not_say_what_happened_is_told_at_start(self):
        @event(NAME)
        class ParcelSent(Event):
            pass

        self.assertEqual(len(self.found()), 1)
        self.assertIn("(shop.parcel_sent) does not say what happened.", self.found()[0])
