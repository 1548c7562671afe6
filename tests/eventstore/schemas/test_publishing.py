"""From one release to the next: what may change about an event, and what publishing it says."""

from typing import Any

from django.test import SimpleTestCase

from eventstore.messages import Event, downcasts, event, publish
from eventstore.schemas import Key, Published, compare, offers
from tests.eventstore.schemas.declaring import another_release, forget

NAME = "orders.parcel_sent"
Known = dict[Key, Published]


class FirstParcel(Event):
    """A parcel left the house."""

    parcel: str
    weight: int


FirstParcel.__module__ = "orders.events"


class Releases(SimpleTestCase):
    """A registry that is kept from one release to the next, and classes that change."""

    def setUp(self):
        self.enterContext(another_release())
        self.known: Known = {}

    def release(self, cls: type[Event], version: int = 1, rule: Any = "forward", **published: Any) -> list[Any]:
        """Declare an event as a new release has it, publish what may be, and return what was found about it."""
        cls.__module__ = "orders.events"
        if self.known:
            forget(NAME)
        event(NAME, version=version, compatibility=rule)(cls)
        if published:
            publish(cls, **published)
        shelves = {key: each.schema for key, each in self.known.items()}
        made = {key: offer for key, offer in offers(shelves).items() if offer.event == NAME}
        found = compare(made, self.known)
        if not any(finding.is_breach for finding in found):
            self.known |= {finding.key: Published(schema=made[finding.key].schema) for finding in found if finding.key in made}
        return found

    def test_a_new_event_is_new(self):
        self.assertEqual([str(each) for each in self.release(FirstParcel)], ["orders.parcel_sent version 1 is not published yet"])
        self.assertEqual(self.release(FirstParcel), [])

    def test_other_words_are_welcome_under_the_same_version(self):
        self.release(FirstParcel)

        class FirstParcel2(Event):
            """A parcel was handed to the carrier."""

            parcel: str
            weight: int

        (found,) = self.release(FirstParcel2)
        self.assertEqual((found.kind, found.is_breach), ("described", False))

    def test_what_was_published_never_changes_in_place_even_if_nobody_would_break(self):
        self.release(FirstParcel)

        class Wider(Event):
            parcel: str
            weight: int
            carrier: str = ""

        (found,) = self.release(Wider)
        self.assertEqual((found.kind, found.is_breach), ("changed", True))
        self.assertEqual([each.sentence for each in found.problems], ["field carrier was added: text, may be left out"])
        self.assertIn("@event('orders.parcel_sent', version=2)", found.fix)
        (found,) = self.release(Wider, version=2)
        self.assertEqual(found.kind, "new")

    def test_a_version_that_breaks_readers_is_told_what_they_would_miss(self):
        self.release(FirstParcel)

        class Poorer(Event):
            parcel: str

        (found,) = self.release(Poorer, version=2)
        self.assertEqual(found.kind, "incompatible")
        self.assertEqual(found.problems[0].sentence, "field weight was removed: whoever reads version 1 still asks for it")
        self.assertEqual(found.problems[0].pointer, "#/properties/weight")

    def test_unless_the_version_before_still_goes_out_beside_it(self):
        self.release(FirstParcel, versions=(1,))

        class Poorer(Event):
            parcel: str

        downcasts(NAME, version=2)(lambda payload: payload | {"weight": 0})
        found = self.release(Poorer, version=2, versions=(1, 2))
        self.assertEqual([each.kind for each in found], ["new"])

        class PoorerStill(Event):
            nothing: str = ""

        (found,) = self.release(PoorerStill, version=3, versions=(3,))
        self.assertEqual(
            [each.sentence for each in found.problems], ["field parcel was removed: whoever reads version 2 still asks for it"]
        )

    def test_each_event_has_its_rule(self):
        class Heavier(Event):
            parcel: str
            weight: int
            carrier: str

        class Lighter(Event):
            parcel: str

        cases = [
            ("forward", Heavier, "new"),
            ("forward", Lighter, "incompatible"),
            ("backward", Heavier, "incompatible"),
            ("backward", Lighter, "new"),
            ("full", Heavier, "incompatible"),
            ("full", Lighter, "incompatible"),
            ("none", Lighter, "new"),
        ]
        for rule, cls, expected in cases:
            with self.subTest(rule=rule, cls=cls.__name__), another_release():
                self.known = {}
                self.release(FirstParcel)
                (found,) = self.release(cls, version=2, rule=rule)
                self.assertEqual(found.kind, expected)

    def test_a_field_does_not_come_back_as_something_else(self):
        self.release(FirstParcel)

        class WithoutWeight(Event):
            parcel: str

        class WithAnother(Event):
            parcel: str
            weight: str

        self.release(WithoutWeight, version=2, rule="backward")
        (found,) = self.release(WithAnother, version=3, rule="backward")
        self.assertIn("field weight could be a whole number in version 1: version 3 takes only text", [p.sentence for p in found.problems])

    def test_an_event_that_the_code_has_no_more_is_missed(self):
        self.release(FirstParcel)
        forget(NAME)
        (found,) = compare({}, self.known)
        self.assertEqual(str(found), "orders.parcel_sent version 1 was published and the code knows it no more")

    def test_a_notification_keeps_its_promise_too(self):
        self.release(FirstParcel, forms=("full", "notification"), notification=("parcel", "weight"))
        (found,) = self.release(FirstParcel, forms=("full", "notification"), notification=("parcel",))
        self.assertEqual((found.key.form, found.kind), ("notification", "changed"))
