"""Position tokens: what clients carry from a write to a read."""

from django.test import SimpleTestCase
from hypothesis import given
from hypothesis import strategies as st

from eventstore.log import Position

heads = st.dictionaries(st.integers(0, 1023), st.integers(0, 10**15), min_size=1, max_size=16)


class Positions(SimpleTestCase):
    @given(heads)
    def test_a_token_reads_back_as_what_it_was(self, given_heads):
        self.assertEqual(Position.parse(str(Position(given_heads))), Position(given_heads))

    def test_nonsense_is_refused_in_words(self):
        for token in ("", "7", "7-", "-1", "1-2.", "1-2,3-4", "x" * 5000, "1-2\n", "１-２", "1-" + "9" * 40):
            with self.subTest(token), self.assertRaisesMessage(ValueError, "is not a position"):
                Position.parse(token)

    def test_it_is_reached_only_when_every_partition_is(self):
        position = Position({1: 5, 2: 7})
        self.assertTrue(position.reached_by({1: 5, 2: 9, 3: 0}))
        self.assertFalse(position.reached_by({1: 5, 2: 6}))
        self.assertFalse(position.reached_by({2: 7}))
