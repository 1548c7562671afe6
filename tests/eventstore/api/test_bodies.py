"""Hostile JSON: whatever is sent, the answer is a value or a problem with a sentence."""

import json
from typing import Any

import hypothesis.extra.django
from django.test import SimpleTestCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.api.bodies import DEEPEST, LARGEST, parse
from eventstore.api.problems import Problem
from eventstore.models import Event
from tests.clients import ApiCase, ApiClient, make_key

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "half an object": b'{"a": ',
    "two values": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "Latin-1": b'{"a": "\xe9"}',
    "an overlong form": b'{"a": "\xc0\x80"}',
    "an encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "a NUL escape": b'{"a": "\\u0000"}',
    "a NUL escape in a key": b'{"\\u0000": 1}',
    "a NUL escape behind a backslash": b'{"a": "\\\\\\u0000"}',
    "a raw NUL": b'{"a": "\x00"}',
    "a raw line feed in a string": b'{"a": "\n"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "the other half": b'{"a": "\\udc00"}',
    "a surrogate pair the wrong way round": b'{"a": "\\udc00\\ud800"}',
    "half a surrogate pair in a key": b'{"\\ud800": 1}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "a float out of range": b'{"a": 1e400}',
    "a negative one": b'{"a": -1e999}',
    "an integer beyond doubles": b'{"a": 9007199254740993}',
    "a huge integer": b'{"a": ' + b"9" * 5000 + b"}",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, once escaped": b'{"a": 1, "\\u0061": 2}',
    "a key twice, deep inside": b'[{"b": {"a": 1, "a": 1}}]',
    "deep arrays": b"[" * 10_000,
    "deep arrays, closed": b"[" * 65 + b"]" * 65,
    "deep objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "a comment": b'{"a": 1} // one',
    "a trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "a leading zero": b'{"a": 01}',
    "a plus sign": b'{"a": +1}',
}

#: The same examples in every run, however slow the machine is.
SAME = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


class Parsing(SimpleTestCase):
    def test_hostile_bodies_are_refused_with_a_sentence(self):
        for name, sent in HOSTILE.items():
            with self.subTest(name), self.assertRaises(Problem) as told:
                parse(sent)
            self.assertEqual((told.exception.status, told.exception.code), (400, "malformed_json"), name)
            self.assertLess(len(str(told.exception)), 300, name)

    def test_what_only_looks_hostile_is_read(self):
        for sent, value in (
            (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
            (b'{"a": "\\ud83c\\udf75"}', {"a": "🍵"}),
            (b'{"a": "[[[[' + b"[" * 100 + b'"}', {"a": "[[[[" + "[" * 100}),
            (b'"\\"' + b"{" * 100 + b'"', '"' + "{" * 100),
            (b"[" * DEEPEST + b"]" * DEEPEST, json.loads("[" * DEEPEST + "]" * DEEPEST)),
            (b"[" + b"[]," * 200 + b"[]]", [[]] * 201),
            (b"9007199254740991", 9007199254740991),
            (b"-9007199254740991", -9007199254740991),
            (b' {"a":\t1.50}\r\n', {"a": 1.5}),
        ):
            with self.subTest(sent[:30]):
                self.assertEqual(parse(sent).value, value)

    def test_equal_content_has_equal_bytes_whatever_its_order_and_spacing(self):
        one, other = parse(b'{"a": 1, "b": {"c": [1, 2], "d": "\\u00e9"}}'), parse('{"b":{"d":"é","c":[1,2]},"a":1}'.encode())
        self.assertEqual(one.canonical, other.canonical)
        self.assertNotEqual(parse(b"[1, 2]").canonical, parse(b"[2, 1]").canonical)
        self.assertNotEqual(parse(b"1").canonical, parse(b'"1"').canonical)

    @settings(SAME)
    @given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_no_bytes_surprise_it(self, sent: bytes):
        self.parse_or_refuse(sent)

    @settings(SAME)
    @given(anything)
    def test_no_value_surprises_it(self, value: Any):
        self.parse_or_refuse(json.dumps(value).encode())

    def parse_or_refuse(self, sent: bytes) -> None:
        try:
            body = parse(sent)
        except Problem as problem:
            self.assertEqual(problem.status, 400)
        else:
            self.assertEqual(parse(body.canonical).value, body.value)


class Sending(ApiCase):
    def send(self, body: Any, **headers: str) -> Any:
        return self.api.send("/api/v1/orders", body, **headers)

    def test_hostile_bodies_get_a_problem_over_http_too_and_leave_nothing(self):
        for name, sent in HOSTILE.items():
            with self.subTest(name):
                self.assertProblem(self.send(sent), 400, "malformed_json")
        self.assertFalse(Event.objects.exists())

    def test_json_of_any_other_shape_is_a_validation_error(self):
        shapes: tuple[Any, ...] = (None, True, 7, "text", [], {}, [{}], {"lines": None}, {"lines": {"0": {}}}, {"currency": ["JPY"]})
        for value in shapes:
            with self.subTest(value):
                self.assertProblem(self.send(json.dumps(value)), 422, "validation_error")

    def test_a_body_that_is_too_large_is_not_read(self):
        self.assertProblem(self.send(b" " * (LARGEST + 1)), 413, "body_too_large")

    def test_a_body_in_chunks_is_asked_for_in_one_piece(self):
        self.assertProblem(self.send("{}", transfer_encoding="chunked"), 411, "length_required")

    def test_only_json_in_utf_8_is_taken(self):
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=x",
            "",
        ):
            with self.subTest(kind):
                self.assertProblem(self.send("{}", content_type=kind), 415, "unsupported_media_type")
        self.assertProblem(self.send("{}", content_encoding="gzip"), 415, "unsupported_media_type")
        for kind in (
            "application/json",
            "application/json; charset=utf-8",
            "application/merge-patch+json",
            "Application/JSON;charset=UTF-8",
        ):
            with self.subTest(kind):
                self.assertProblem(self.send("{}", content_type=kind), 422, "validation_error")


class Fuzzing(hypothesis.extra.django.TestCase):
    def setUp(self):
        self.api = ApiClient(make_key())

    @settings(SAME, max_examples=40)
    @given(st.dictionaries(st.sampled_from(["currency", "customer_ref", "lines", "charges", "order_id", "external_id", "x"]), anything))
    def test_no_order_surprises_it(self, order: dict[str, Any]):
        answer = self.api.send("/api/v1/orders", json.dumps(order))
        self.assertIn(answer.status_code, (201, 400, 422), answer.content)
