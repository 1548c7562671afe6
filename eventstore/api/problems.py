"""Errors become RFC 9457 documents: the one place where statuses are chosen."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from psycopg.errors import UniqueViolation
from rest_framework import exceptions

from eventstore.context import current_facts
from eventstore.errors import EventStoreError, Refused, StreamMoved, UnknownName
from eventstore.projections import Lagging, Resting

MEDIA_TYPE = "application/problem+json"

#: Every code that is not a business refusal: its status, and what a client should know. Served at /problems/<code>.
CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request could not be read."),
    "malformed_json": (400, "The body is not JSON, or JSON that readers would understand differently. Nothing was done."),
    "idempotency_key_missing": (400, "This request changes something: send an Idempotency-Key header, new for each new intention."),
    "idempotency_key_invalid": (400, "An Idempotency-Key has 1 to 255 printable ASCII characters, with or without double quotes."),
    "invalid_parameter": (400, "A query parameter or header is unknown or has a value that does not fit. `errors` lists them."),
    "invalid_cursor": (400, "The cursor was not given by this list. Start again without one."),
    "not_published": (400, "No such version or form of an event goes out. `detail` says what is published; see /api/v1/schemas."),
    "not_authenticated": (401, "Send `Authorization: Bearer <key>`. Keys are made with `manage.py create_api_key`."),
    "key_invalid": (401, "The key is unknown, revoked or expired."),
    "scope_missing": (403, "The key is valid but may not do this. `required_scope` names what it lacks."),
    "forbidden": (403, "The caller may not do this."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "This address does not know the method; the Allow header lists those it knows."),
    "not_acceptable": (406, "Answers are JSON; send `Accept: application/json` or none."),
    "conflict": (409, "Something else got in between. Read again and retry."),
    "stream_moved": (409, "Another writer changed the same thing at the same moment. Read it again and retry with the same key."),
    "projection_rests": (409, "The projection is paused and would take nothing. Resume it first."),
    "idempotency_in_progress": (409, "A request with the same key is being carried out. Retry after Retry-After with the same key."),
    "length_required": (411, "Send the body in one piece, with its Content-Length."),
    "version_mismatch": (412, "If-Match names a version that is no longer current. Read it again, then decide again."),
    "body_too_large": (413, "The body is larger than this service takes."),
    "unsupported_media_type": (415, "Bodies are JSON in UTF-8: `Content-Type: application/json`."),
    "validation_error": (422, "The body does not have the shape of this command. `errors` lists every mistake with its JSON pointer."),
    "as_of_invalid": (422, "`as_of` is a time with its zone, a version number or a position; see `detail`."),
    "unknown_name": (422, "The body names something that the running code does not know; `detail` says what was meant."),
    "idempotency_key_reused": (422, "The Idempotency-Key was used with another body. A new intention needs a new key."),
    "precondition_required": (428, "Send If-Match with the ETag you have seen, so that no change of somebody else is overwritten."),
    "too_many_requests": (429, "Too many requests. Retry after Retry-After."),
    "internal_error": (500, "Something broke on our side; nothing of the request was kept. The request id finds it in our logs."),
    "busy": (503, "A lock or a connection was not free in time. Nothing was done; retry after Retry-After with the same key."),
    "projection_behind": (503, "The read table has not reached Min-Position yet. Retry after Retry-After, or read without Min-Position."),
    "unavailable": (503, "The service cannot answer now. Retry after Retry-After."),
}

#: What a response that no view made is about.
BY_STATUS = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
}

Mistake = Mapping[str, str]  #: pointer (or parameter), detail, code

logger = logging.getLogger("eventstore.api")


class Problem(EventStoreError):
    """{detail}"""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int = 0,
        errors: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        known_status, meaning = CODES.get(code, (500, ""))
        super().__init__(detail=detail or meaning)
        self.code = code
        self.status = status or known_status
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})


def document(problem: Problem, request: HttpRequest) -> bytes:
    """The JSON of a problem. Facts of a refusal are members of their own and never hide a standard one."""
    told: dict[str, Any] = problem.facts | {
        "type": f"/problems/{problem.code}",
        "title": title_of(problem.code),
        "status": problem.status,
        "detail": str(problem),
        "code": problem.code,
        "instance": request.path,
        "request_id": current_facts().get("request", ""),
    }
    if problem.errors:
        told["errors"] = problem.errors
    return msgspec.json.encode(told, enc_hook=str)


def title_of(code: str) -> str:
    """`insufficient_funds` as people read it."""
    return code.replace("_", " ").capitalize().replace("json", "JSON")


def respond(problem: Problem, request: HttpRequest) -> HttpResponse:
    """A problem as a response."""
    return HttpResponse(document(problem, request), content_type=MEDIA_TYPE, status=problem.status, headers=problem.headers)


def answer(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler: whatever a view raises, the client gets a problem, and never our insides."""
    request: HttpRequest = context["request"]._request
    problem = problem_of(error, request)
    if problem.status == 500:
        logger.exception("A view failed.", exc_info=error)
        got_request_exception.send(sender=type(context["view"]), request=request)
    response = respond(problem, request)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would say it once more
    return response


def problem_of(error: Exception, request: HttpRequest) -> Problem:
    """What an error means to the client: the first row of TABLE that fits."""
    if isinstance(error, Problem):
        return error
    return next((tell(error, request) for kind, tell in TABLE if isinstance(error, kind)), Problem("internal_error"))


def refused(refusal: Any, request: HttpRequest) -> Problem:
    return Problem(refusal.code, str(refusal), status=refusal.status, facts=refusal.facts)


def _moved(error: Any, request: HttpRequest) -> Problem:
    return Problem("version_mismatch" if "If-Match" in request.headers else "stream_moved", str(error))


def _behind(error: Any, request: HttpRequest) -> Problem:
    return Problem("projection_behind", str(error), headers={"Retry-After": "1"})


def _database(error: Any, request: HttpRequest) -> Problem:
    """Locks not free, deadlocks, serialization, a pool without connections (busy); a database that is gone (unavailable)."""
    state = getattr(error.__cause__, "sqlstate", None)
    code = "busy" if state in ("55P03", "40P01", "40001", "57014", "53300") or "Pool" in type(error.__cause__).__name__ else "unavailable"
    logger.warning("The database did not answer: %s", error)
    return Problem(code, headers={"Retry-After": "1"})


def _integrity(error: Any, request: HttpRequest) -> Problem:
    """Two first writers of one thing: the primary key let one through. Any other constraint is a mistake of ours."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    if isinstance(error.__cause__, UniqueViolation) and constraint.endswith("_pkey"):
        return Problem("stream_moved")
    return Problem("internal_error")


def _of_drf(error: Any, request: HttpRequest) -> Problem:
    code = BY_STATUS.get(error.status_code, "bad_request" if error.status_code < 500 else "internal_error")
    return Problem(code, str(error.detail), status=error.status_code)


def _method(error: Any, request: HttpRequest) -> Problem:
    return Problem("method_not_allowed", f"{request.method} is not possible here.")


#: From error class to problem, first match wins.
TABLE: tuple[tuple[type[Exception], Callable[[Any, HttpRequest], Problem]], ...] = (
    (Refused, refused),
    (StreamMoved, _moved),
    (UnknownName, lambda error, request: Problem("unknown_name", str(error))),
    (Resting, lambda error, request: Problem("projection_rests", str(error))),
    (Lagging, _behind),
    (IntegrityError, _integrity),
    (OperationalError, _database),
    (Http404, lambda error, request: Problem("not_found")),
    (PermissionDenied, lambda error, request: Problem("forbidden")),
    (RequestDataTooBig, lambda error, request: Problem("body_too_large")),
    (SuspiciousOperation, lambda error, request: Problem("bad_request")),
    (UnreadablePostError, lambda error, request: Problem("bad_request", "The connection ended before the body did.")),
    (BadRequest, lambda error, request: Problem("bad_request")),
    (exceptions.MethodNotAllowed, _method),
    (exceptions.NotAcceptable, lambda error, request: Problem("not_acceptable")),
    (exceptions.APIException, _of_drf),
)
