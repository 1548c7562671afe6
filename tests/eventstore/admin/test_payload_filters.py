"""What staff may ask of a payload, what it finds, and how it says no."""

from django.test import SimpleTestCase, TestCase

from eventstore.admin.payload_filters import Condition, UnreadableFilter, parse, predicate
from eventstore.log import NEW, append, unit_of_work
from eventstore.models import Event
from tests.eventstore.examples import Noted, Raised


class Reading(SimpleTestCase):
    def test_a_condition_is_a_path_an_operator_and_a_value(self):
        self.assertEqual(parse("data.total > 1000"), [Condition(column="data", path=("total",), operator=">", value="1000")])
        self.assertEqual(parse("facts.actor=key:shop"), [Condition(column="facts", path=("actor",), operator="=", value="key:shop")])
        self.assertEqual(parse("data.lines.0.sku == tea")[0].path, ("lines", "0", "sku"))

    def test_several_conditions_are_joined_by_and(self):
        found = parse('data.a = 1 AND data.b ~ x and data.c = "this and that"')
        self.assertEqual(
            [(c.path, c.operator, c.value) for c in found], [(("a",), "=", "1"), (("b",), "~", "x"), (("c",), "=", "this and that")]
        )

    def test_quotation_marks_make_a_number_a_text(self):
        self.assertTrue(parse("data.a = 007")[0].is_number)
        self.assertFalse(parse('data.a = "007"')[0].is_number)

    def test_nothing_asks_for_nothing(self):
        self.assertEqual(parse("  "), [])

    def test_what_cannot_be_read_is_told_in_words(self):
        for text, reason in {
            "total > 1000": "must begin with data or facts",
            "data > 1000": "must begin with data or facts",
            "id.x = 1": "must begin with data or facts",
            "data.total": "needs a path, one of",
            "data.total >": "the value is missing",
            "data.a'b = 1": "not a path of names",
            "data.a..b = 1": "not a path of names",
            'data.a = "x': "not closed",
            "data.lines[].sku > 3": "only be compared with =",
            "data.a = x\x00": "NUL",
            "data.a = 1 or data.b = 2; DROP TABLE x": None,
            "data.a = " + "x" * 600: "longer than 500",
        }.items():
            with self.subTest(text[:30]):
                if reason is None:
                    self.assertEqual(parse(text)[0].value, "1 or data.b = 2; DROP TABLE x", "a value is only ever a value")
                else:
                    with self.assertRaisesMessage(UnreadableFilter, reason):
                        parse(text)


class Finding(TestCase):
    @classmethod
    def setUpTestData(cls):
        with unit_of_work():
            append("counter-1", [Raised(by=7, note="seven"), Raised(by=70, note="O'Brien % _ 顧客")], expected=NEW)
            append("counter-2", [Noted(text="1500"), Noted(text="007"), Noted(text="12 apples"), Noted(text="")], expected=NEW)

    def found(self, text):
        rows = Event.objects.filter(predicate(parse(text))).order_by("stream", "version")
        return [f"{row.stream}@{row.version}" for row in rows]

    def test_numbers_compare_as_numbers_even_when_recorded_as_texts(self):
        self.assertEqual(self.found("data.by > 9"), ["counter-1@2"])
        self.assertEqual(self.found("data.by <= 7"), ["counter-1@1"])
        self.assertEqual(self.found("data.text > 1000"), ["counter-2@1"])
        self.assertEqual(self.found("data.text = 7"), ["counter-2@2"], "007 is 7 when it is asked for as a number")
        self.assertEqual(self.found('data.text = "7"'), [])
        self.assertEqual(self.found("data.by != 7"), ["counter-1@2", "counter-2@1", "counter-2@2", "counter-2@3", "counter-2@4"])

    def test_texts_compare_as_they_stand(self):
        self.assertEqual(self.found("data.note = seven"), ["counter-1@1"])
        self.assertEqual(self.found("data.note = O'Brien % _ 顧客"), ["counter-1@2"])
        self.assertEqual(self.found('data.text = ""'), ["counter-2@4"])
        self.assertEqual(self.found("data.note ~ O'BRIEN %"), ["counter-1@2"])
        self.assertEqual(self.found("data.note ~ O%n"), [], "a percent sign is a percent sign")
        self.assertEqual(self.found("data.text >= 12 a"), ["counter-2@1", "counter-2@3"])

    def test_absent_is_null(self):
        self.assertEqual(self.found("data.text = null"), ["counter-1@1", "counter-1@2"])
        self.assertEqual(self.found("data.by != null"), ["counter-1@1", "counter-1@2"])

    def test_every_condition_must_hold(self):
        self.assertEqual(self.found("data.by > 1 and data.note = seven"), ["counter-1@1"])

    def test_any_element_of_a_list_is_found_by_what_it_contains(self):
        asked = predicate(parse("data.lines[].sku = tea and data.lines[].quantity = 007"))
        self.assertIn("@>", asked.sql)
        self.assertEqual(asked.params[0], '{"lines":[{"sku":"tea"}]}')
        self.assertEqual(asked.params[1:], ['{"lines":[{"quantity":"007"}]}', '{"lines":[{"quantity":7}]}'])
        self.assertEqual(self.found("data.lines[].sku = tea"), [])

    def test_values_never_become_sql(self):
        for hostile in ("data.note = '; DROP TABLE eventstore_event; --", "data.note = %s", "data.by > 1e5", 'data.note = "\\u0041"'):
            with self.subTest(hostile):
                self.assertEqual(self.found(hostile), [])
