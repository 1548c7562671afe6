"""Each request has an id and belongs to a story; both go into the facts of its events and into every answer."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from eventstore.api.problems import BY_STATUS, MEDIA_TYPE, Problem, document
from eventstore.clock import new_id
from eventstore.context import acting

_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_traceparent = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class RequestFacts:
    """Outermost of all: what Django itself answers under /api/ (a bad host, an unknown URL, a crash) leaves as a problem, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _told(_id, request, "HTTP_X_REQUEST_ID") or str(new_id())
        correlation = _told(_id, request, "HTTP_X_CORRELATION_ID") or request_id
        with acting(request=request_id, correlation=correlation, trace=_told(_traceparent, request, "HTTP_TRACEPARENT")):
            response = self.get_response(request)
            if response.status_code >= 400 and request.path.startswith("/api/") and response.headers.get("Content-Type") != MEDIA_TYPE:
                code = BY_STATUS.get(response.status_code, "bad_request" if response.status_code < 500 else "internal_error")
                _tell(response, document(Problem(code, status=response.status_code), request), MEDIA_TYPE)
        if request.method == "HEAD" and not response.streaming:
            # The length of what GET would send, and nothing of it: servers complain otherwise.
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        response.headers["X-Request-Id"] = request_id
        return response


def _tell(response: HttpResponse, body: bytes, kind: str) -> None:
    response.content = body
    response.headers["Content-Type"] = kind
    response.headers["Content-Length"] = str(len(body))


def _told(pattern: re.Pattern[str], request: HttpRequest, header: str) -> str | None:
    """A header if it is well-formed; what is not is as good as absent, because it ends up in logs and events."""
    told = request.META.get(header, "")
    return told if pattern.fullmatch(told) else None
