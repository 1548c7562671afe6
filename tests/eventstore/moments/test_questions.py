"""A moment is a version, a position or a time; anything else gets a sentence."""

from datetime import UTC, datetime

from django.test import SimpleTestCase

from eventstore.log import Position
from eventstore.moments import Moment, UnreadableMoment, parse

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)


class Asking(SimpleTestCase):
    def test_it_reads_what_people_and_programs_write(self):
        for told, meant in (
            ("12", Moment(version=12)),
            ("0", Moment(version=0)),
            (" 3-17 ", Moment(position=Position({3: 17}))),
            ("3-17.7-1234", Moment(position=Position({3: 17, 7: 1234}))),
            ("2026-10-24T12:00Z", Moment(at=NOON)),
            ("2026-10-24t12:00:00.000z", Moment(at=NOON)),
            ("2026-10-24T21:00:00+09:00", Moment(at=NOON)),
            ("2026-10-24T21:00:00 09:00", Moment(at=NOON)),  # a plus that nobody escaped
        ):
            with self.subTest(told):
                self.assertEqual(parse(told), meant)
        self.assertEqual(parse("2026-10-24T12:00", utc=True), Moment(at=NOON))

    def test_what_is_no_moment_is_told_so(self):
        for told, why in (
            ("", "is no moment"),
            ("yesterday", "is no moment"),
            ("-1", "is no moment"),
            ("1.5", "is no moment"),
            ("١٢", "is no moment"),
            ("2026-10-24", "is no moment"),
            ("9999999999", "is no moment"),
            ("2026-10-24T12:00:00", "lacks its zone"),
            ("2026-02-30T12:00:00Z", "No calendar"),
            ("0001-01-01T00:00:00+14:00", "No calendar"),
            ("2026-11", "There is no partition 2026"),
            ("x" * 500, "is no moment"),
        ):
            with self.subTest(told), self.assertRaisesMessage(UnreadableMoment, why):
                parse(told)
