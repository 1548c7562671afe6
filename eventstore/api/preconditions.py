"""Versions and positions in headers: which version a change is meant for, how fresh a read must be."""

import re

from django.http import HttpRequest
from django.utils.http import parse_etags

from eventstore.api.problems import Problem
from eventstore.delivery import reached
from eventstore.log import Position
from eventstore.projections import wait_until

PATIENCE = 0.5  #: seconds that a read waits for Min-Position
LONGEST = 10  #: seconds that `Prefer: wait` may ask for

_etag = re.compile(r'"(\d{1,9})"', re.ASCII)
_wait = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,4})\s*(?:,|;|$)", re.ASCII)


def etag_of(version: int) -> str:
    """The strong validator of a version."""
    return f'"{version}"'


def expected_version(request: HttpRequest, *, required: bool) -> int | None:
    """The version that If-Match names; None when any will do. Raises Problem (400, 412, 428)."""
    told = request.META.get("HTTP_IF_MATCH")
    if told is None:
        if required:
            raise Problem("precondition_required")
        return None
    if told.strip() == "*":
        return None
    if match := _etag.fullmatch(told.strip()):
        return int(match[1])
    if parse_etags(told):
        # Weak validators and tags that we never gave match nothing.
        raise Problem("version_mismatch", f"If-Match {told[:60]} is not an ETag that this service gives.")
    raise Problem("invalid_parameter", errors=[{"parameter": "If-Match", "detail": 'Send one ETag, such as "7".', "code": "header"}])


def not_modified(request: HttpRequest, etag: str) -> bool:
    """Whether the client has this version already (If-None-Match, compared weakly as RFC 9110 says)."""
    told = request.META.get("HTTP_IF_NONE_MATCH")
    if not told:
        return False
    return told.strip() == "*" or etag in {tag.removeprefix("W/") for tag in parse_etags(told)}


def preferred_wait(request: HttpRequest) -> int | None:
    """Seconds of `Prefer: wait=N`, at most LONGEST."""
    match = _wait.search(request.META.get("HTTP_PREFER", ""))
    return min(int(match[1]), LONGEST) if match else None


def catch_up(request: HttpRequest, projection: str) -> Position:
    """How far a read table is, after waiting for Min-Position. Raises Problem (400), Lagging."""
    told = request.META.get("HTTP_MIN_POSITION")
    if told is None:
        return reached(projection)
    try:
        wanted = Position.parse(told.strip())
    except ValueError as error:
        raise Problem("invalid_parameter", errors=[{"parameter": "Min-Position", "detail": str(error), "code": "header"}]) from error
    asked = preferred_wait(request)
    return wait_until(projection, wanted, PATIENCE if asked is None else asked)
