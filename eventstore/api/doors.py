"""Doors are one call deep: `@accepts(Command)` turns a body into a command, `@reads(Query)` parameters into a question."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec.structs import replace
from rest_framework.request import Request

from eventstore.api.bodies import read_body
from eventstore.api.callers import caller_of, require
from eventstore.api.idempotency_keys import Kept, Ticket, claim, keep, position_of, read_key, recall
from eventstore.api.pages import Page, Query, link_to_next, read_query
from eventstore.api.preconditions import catch_up, etag_of, expected_version, not_modified, preferred_wait
from eventstore.api.problems import MEDIA_TYPE, Problem, document, refused
from eventstore.api.shapes import decode
from eventstore.context import acting
from eventstore.errors import Refused
from eventstore.log import Position, unit_of_work
from eventstore.messages import Command

C = TypeVar("C", bound=Command)
Q = TypeVar("Q", bound=Query)

JSON = "application/json"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a door says. `version` becomes the ETag; the body is anything msgspec can write.

    With a `refusal` that is said instead, and what was done stays done; a refusal that is raised takes its work back.
    """

    body: Any = None
    status: int = 200
    version: int | None = None
    location: str = ""
    refusal: Refused | None = None


class Wish(msgspec.Struct, Generic[C], frozen=True):
    """A command that came in, the version it was meant for (If-Match) if the client named one, and the fields it sent."""

    command: C
    expected: int | None
    sent: frozenset[str]
    request: Request
    begun: Any = None  #: what the door did first, in a commit of its own


class Question(msgspec.Struct, Generic[Q], frozen=True):
    """Checked query parameters."""

    query: Q
    request: Request


class Contract(msgspec.Struct, frozen=True):
    """What a door promises, for the permission check and the OpenAPI document."""

    scope: str
    command: type[Command] | None = None
    query: type[Query] = Query
    answer: Any = None
    status: int = 200
    if_match: bool = False
    projection: str = ""


def accepts(
    command: type[C],
    *,
    scope: str,
    answer: Any = None,
    status: int = 200,
    if_match: bool = False,
    first: Callable[[C], object] | None = None,
) -> Callable[[Callable[..., Answer]], Callable[..., HttpResponse]]:
    """Declare a door for a command: `def post(self, wish: Wish[PlaceOrder]) -> Answer`.

    Fields of the command that the URL names are taken from there. The view's work, its events and the answer under the
    Idempotency-Key are one transaction. `answer` and `status` describe the answer; `if_match` demands that header.
    `first` is done in a commit before it: what must be known even if that transaction takes this process down.
    """
    contract = Contract(scope=scope, command=command, answer=answer, status=status, if_match=if_match)

    def declare(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def door(self: Any, request: Request, **url: Any) -> HttpResponse:
            http: HttpRequest = request._request
            caller = require(caller_of(request), scope)
            key = read_key(http)
            if key is None and http.method == "POST":
                raise Problem("idempotency_key_missing")
            body = read_body(http)
            given = {name: str(value) for name, value in url.items()}
            asked = decode(command, body.value, given)
            wish = Wish(asked, expected_version(http, required=if_match), frozenset(body.value), request)
            ticket = Ticket.of(key, caller.pk, http, body.canonical) if key is not None else None
            with acting(actor=caller.pk, idempotency_key=key):
                begin = None if first is None else lambda: first(asked)
                return carry_out(lambda begun: view(self, replace(wish, begun=begun)), ticket, http, begin)

        door.contract = contract  # type: ignore[attr-defined]
        return door

    return declare


def carry_out(
    work_it: Callable[[Any], Answer], ticket: Ticket | None, request: HttpRequest, begin: Callable[[], object] | None = None
) -> HttpResponse:
    """The command, its events and its kept answer: all or nothing. A repetition gets the kept answer.

    What is begun before stays even if the rest does not come about; a repetition then begins it once more.
    """
    begun, noted, before = None, [], None
    try:
        if begin is not None:
            with unit_of_work() as beginning:
                if ticket is not None and (kept := claim(ticket)) is not None:
                    return repeat(kept)
                begun, noted = begin(), beginning.last_event_ids
            before = beginning.position
        with unit_of_work() as work:
            if ticket is not None and (kept := claim(ticket)) is not None:
                return repeat(kept)
            answer = work_it(begun)
            body, headers, written = msgspec.json.encode(answer.body), _headers(answer), noted + work.last_event_ids
            status = 200 if answer.status == 201 and not written else answer.status  # it was already so
            if answer.refusal is not None:
                problem = refused(answer.refusal, request)
                body, headers, status = document(problem, request), {"Content-Type": MEDIA_TYPE}, problem.status
            if ticket is not None and not keep(ticket, status, headers, body, written):
                raise _AnsweredElsewhere
    except _AnsweredElsewhere:
        assert ticket is not None
        return repeat(recall(ticket))
    except Refused as refusal:
        problem = refused(refusal, request)
        if ticket is None:
            raise problem from refusal
        # The refusal is kept alone, its work is undone: a retry can never turn it into a success.
        told = document(problem, request)
        if not keep(ticket, problem.status, {"Content-Type": MEDIA_TYPE}, told):
            return repeat(recall(ticket))
        return HttpResponse(told, content_type=MEDIA_TYPE, status=problem.status)
    return _response(body, status, headers, _later_of(before, work.position))


def _later_of(before: Position | None, position: Position | None) -> Position | None:
    if before is None or position is None:
        return position or before
    return Position(before.heads | position.heads)


class _AnsweredElsewhere(Exception):
    """Another request with the key committed between our claim and our answer."""


def repeat(kept: Kept) -> HttpResponse:
    """A kept answer once more."""
    return _response(kept.body.encode(), kept.status, kept.headers | {"Idempotency-Replayed": "true"}, position_of(kept.event_ids))


def reads(
    query: type[Query] = Query, *, scope: str, projection: str = "", answer: Any = None
) -> Callable[[Callable[..., Answer]], Callable[..., HttpResponse]]:
    """Declare a door for a question: `def get(self, question: Question[OrderQuery]) -> Answer`; what the URL names is passed on.

    With a `projection`, the read waits for Min-Position and tells As-Of-Position.
    """
    contract = Contract(scope=scope, query=query, projection=projection, answer=answer)

    def declare(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def door(self: Any, request: Request, **url: Any) -> HttpResponse:
            http: HttpRequest = request._request
            require(caller_of(request), scope)
            question = Question(read_query(query, http), request)
            headers: dict[str, str] = {}
            if projection:
                # Asked before the rows are read, so the rows are at least this fresh.
                headers["As-Of-Position"] = str(catch_up(http, projection))
                if "HTTP_MIN_POSITION" in http.META and (waited := preferred_wait(http)) is not None:
                    headers["Preference-Applied"] = f"wait={waited}"
            answer = view(self, question, **url)
            headers |= _headers(answer)
            if answer.version is not None and not_modified(http, headers["ETag"]):
                return HttpResponse(status=304, headers=headers)
            if isinstance(answer.body, Page) and answer.body.next_cursor:
                headers["Link"] = link_to_next(http, answer.body.next_cursor)
            return _response(msgspec.json.encode(answer.body), answer.status, headers, None)

        door.contract = contract  # type: ignore[attr-defined]
        return door

    return declare


def _headers(answer: Answer) -> dict[str, str]:
    headers = {}
    if answer.location:
        headers["Location"] = answer.location
    if answer.version is not None:
        headers["ETag"] = etag_of(answer.version)
    return headers


def _response(body: bytes, status: int, headers: dict[str, str], position: Position | None) -> HttpResponse:
    response = HttpResponse(body, status=status, headers={"Content-Type": JSON} | headers)
    if position is not None:
        response.headers["Event-Position"] = str(position)
    return response
