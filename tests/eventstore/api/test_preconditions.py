"""Versions and positions in headers."""

from typing import Any

from django.http import HttpRequest
from django.test import RequestFactory, SimpleTestCase

from eventstore.api.preconditions import expected_version, not_modified, preferred_wait
from eventstore.api.problems import Problem


def request_to(method: str = "GET", path: str = "/", **headers: str) -> HttpRequest:
    """A request that never went through a server."""
    return RequestFactory().generic(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


class Versions(SimpleTestCase):
    def refused(self, status: int, code: str, *, required: bool = True, **headers: str) -> Any:
        with self.assertRaises(Problem) as told:
            expected_version(request_to(**headers), required=required)
        self.assertEqual((told.exception.status, told.exception.code), (status, code))

    def test_if_match_names_the_version_that_a_change_is_meant_for(self):
        self.assertEqual(expected_version(request_to(if_match='"7"'), required=True), 7)
        self.assertEqual(expected_version(request_to(if_match=' "7" '), required=True), 7)
        self.assertIsNone(expected_version(request_to(if_match="*"), required=True))
        self.assertIsNone(expected_version(request_to(), required=False))

    def test_it_may_be_demanded(self):
        self.refused(428, "precondition_required")

    def test_a_weak_or_foreign_etag_matches_nothing(self):
        for tag in ('W/"7"', '"seven"', '"7", "8"', '"-7"', '"\uff17"'):
            with self.subTest(tag):
                self.refused(412, "version_mismatch", if_match=tag)

    def test_what_is_no_etag_is_a_mistake(self):
        for tag in ("7", "seven", '"7', ""):
            with self.subTest(tag):
                self.refused(400, "invalid_parameter", if_match=tag)

    def test_if_none_match_is_compared_weakly(self):
        for tag in ('"7"', 'W/"7"', '"6", "7"', "*"):
            with self.subTest(tag):
                self.assertTrue(not_modified(request_to(if_none_match=tag), '"7"'))
        for tag in ('"6"', "7", ""):
            with self.subTest(tag):
                self.assertFalse(not_modified(request_to(if_none_match=tag), '"7"'))


class Waiting(SimpleTestCase):
    def test_a_client_may_say_how_long_it_would_wait(self):
        for told, seconds in (("wait=2", 2), ("respond-async, wait=3", 3), ("wait=0", 0), ("wait = 600", 10), ("wait=x", None), ("", None)):
            with self.subTest(told):
                self.assertEqual(preferred_wait(request_to(prefer=told)), seconds)
