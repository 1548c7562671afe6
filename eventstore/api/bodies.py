"""Strict JSON: what a request body may be before anybody looks at what it says."""

import json
import re
from typing import Any, NoReturn

import msgspec
from django.http import HttpRequest

from eventstore.api.problems import Problem

LARGEST = 256 * 1024  #: bytes
DEEPEST = 64  #: levels of nesting
EXACT = 2**53 - 1  #: beyond it, readers that hold numbers as doubles would round

_json_type = re.compile(r'application/(json|[\w.+-]+\+json)\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE | re.ASCII)
_strings_and_brackets = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class Body(msgspec.Struct, frozen=True):
    """A parsed body and its canonical bytes: equal for equal content, whatever the order of keys and the spacing."""

    value: Any
    canonical: bytes


def read_body(request: HttpRequest) -> Body:
    """The JSON of a request. Raises Problem (400, 413, 415)."""
    if not _json_type.fullmatch(request.META.get("CONTENT_TYPE", "")):
        raise Problem("unsupported_media_type", "Send JSON as application/json in UTF-8.", headers={"Accept": "application/json"})
    if request.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise Problem("unsupported_media_type", "Send the body as it is, without Content-Encoding.")
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise Problem("length_required")
    announced = request.META.get("CONTENT_LENGTH") or "0"
    # What is announced as too large is not even read.
    if not announced.isdecimal() or int(announced) > LARGEST or len(sent := request.body) > LARGEST:
        raise Problem("body_too_large", f"A body has at most {LARGEST} bytes.")
    return parse(sent)


def parse(sent: bytes) -> Body:
    """One JSON value with one meaning. Raises Problem.

    Everything here is accepted silently by some parser and then read differently, or refused, by another one.
    """
    try:
        text = sent.decode()
        # Every bracket counted, also those inside strings, is an upper bound that most bodies meet.
        if text.count("[") + text.count("{") > DEEPEST and depth(text) > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")
        value = _decoder.decode(text)
        canonical = msgspec.json.encode(value, order="sorted")
    except UnicodeDecodeError as error:
        raise Problem("malformed_json", f"The body is not UTF-8: byte {error.start} cannot be read.") from error
    except UnicodeEncodeError as error:
        raise Problem("malformed_json", "The body is not JSON we take: a string holds half of a surrogate pair.") from error
    except (ValueError, RecursionError) as error:
        raise Problem("malformed_json", f"The body is not JSON we take: {error}.") from error
    if b"\\u0000" in canonical and _holds_nul(value):
        raise Problem("malformed_json", "The body is not JSON we take: a string holds the character NUL.")
    return Body(value, canonical)


def depth(text: str) -> int:
    """How deep brackets nest, strings left out."""
    deepest = now = 0
    for token in _strings_and_brackets.finditer(text):
        if token[0] in "[{":
            now += 1
            deepest = max(deepest, now)
        elif token[0] in "]}":
            now -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} appears twice in one object")
    return built


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > EXACT:
        raise ValueError(f"the number {digits[:20]} is too large to be exact everywhere; send it as a string")
    return number


def _float(digits: str) -> float:
    if (number := float(digits)) in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:20]} is out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(key) or _holds_nul(inner) for key, inner in value.items())
        case list():
            return any(map(_holds_nul, value))
    return False
