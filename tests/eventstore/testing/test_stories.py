"""Stories of aggregates: what they accept, and what a failed one tells."""

import time

from django.test import SimpleTestCase
from msgspec.structs import replace

from eventstore.errors import Refused
from eventstore.testing import Story
from orders.commands import CancelOrder, UpdateOrder
from orders.domain import OrderState, decide, evolve
from orders.events import OrderCancelled
from tests.orders.examples import ID, TEA, place, placed, refunded

cancel = CancelOrder(order_id=ID, reason="changed my mind")
cancelled = OrderCancelled(order_id=ID, reason="changed my mind")


class Telling(SimpleTestCase):
    def story(self):
        return Story(decide, evolve, OrderState())

    def fails(self, *sentences):
        return Failing(self, sentences)

    def test_given_when_then(self):
        self.story().given(placed).when(cancel).then(cancelled)
        self.story().given(placed, cancelled).when(cancel).then()

    def test_a_difference_is_told_field_by_field(self):
        with self.fails("1. OrderPlaced\n", "total: expected '8401', was '8400'", "lines[0].sku: expected 'TEE', was 'TEA'"):
            self.story().when(place).then(replace(placed, total="8401", lines=(replace(TEA, sku="TEE"), placed.lines[1])))

    def test_what_happened_and_what_did_not(self):
        with self.fails("Expected no events, and 1 event happened.", "1. was not expected: OrderCancelled("):
            self.story().given(placed).when(cancel).then()
        with self.fails("Expected 2 events, and 1 event happened.", "1. OrderCancelled: as expected", "2. did not happen: OrderPlaced("):
            self.story().given(placed).when(cancel).then(cancelled, placed)
        with self.fails("1. expected OrderPlaced(", "   happened OrderCancelled("):
            self.story().given(placed).when(cancel).then(placed)
        with self.fails("lines: expected 1 of them, were 2"):
            self.story().when(place).then(replace(placed, lines=(TEA,)))

    def test_a_refusal_is_expected_by_code_sentence_and_facts(self):
        refusal = self.story().given(placed, refunded).when(cancel).then_refused("order_not_cancellable", contains="refund the rest")
        self.assertEqual(refusal.status, 409)
        with self.fails("otherwise", "code: expected 'order_paid', was 'order_not_cancellable'", "sentence: expected 'sorry' in it"):
            self.story().given(placed, refunded).when(cancel).then_refused("order_paid", "sorry")
        with self.fails("left: expected '3', was None"):
            self.story().given(placed, refunded).when(cancel).then_refused(left="3")

    def test_a_refusal_that_did_not_come(self):
        with self.fails("Expected a refusal order_paid, but this happened: [OrderCancelled("):
            self.story().given(placed).when(cancel).then_refused("order_paid")
        with self.fails("nothing, it was already so"):
            self.story().given(placed, cancelled).when(cancel).then_refused()

    def test_a_refusal_that_nobody_expected_stops_the_story(self):
        refused = self.story().when(cancel)
        with self.fails("Expected OrderCancelled, but it was refused (order_not_found): There is no order"):
            refused.then(cancelled)
        for goes_on in (
            lambda: refused.given(placed),
            lambda: refused.when(UpdateOrder(order_id=ID)),
            lambda: refused.state,
            lambda: refused.happened,
        ):
            with self.assertRaisesMessage(Refused, "There is no order"):
                goes_on()
        refused.then_refused()
        refused.given(placed).when(cancel).then(cancelled)

    def test_a_hundred_stories_take_less_than_a_tenth_of_a_second(self):
        begun = time.process_time()
        for _ in range(100):
            self.story().given(placed).when(cancel).then(cancelled)
        self.assertLess(time.process_time() - begun, 0.1)


class Failing:
    """The block must fail, and say all of these."""

    def __init__(self, test, sentences):
        self.test, self.sentences = test, sentences

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.test.assertTrue(kind is not None and issubclass(kind, AssertionError), f"nothing failed: {error!r}")
        for sentence in self.sentences:
            self.test.assertIn(sentence, str(error))
        return True
