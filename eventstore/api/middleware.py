"""Each request has an id and belongs to a story; both go into the facts of its events and into every answer."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from eventstore import tracing
from eventstore.api.problems import BY_STATUS, MEDIA_TYPE, Problem, document
from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.spans import answering

_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)


class RequestFacts:
    """Outermost of all: what Django itself answers under /api/ (a bad host, an unknown URL, a crash) leaves as a problem, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _told(_id, request, "HTTP_X_REQUEST_ID") or str(new_id())
        correlation = _told(_id, request, "HTTP_X_CORRELATION_ID") or request_id
        come = tracing.read(request.META.get("HTTP_TRACEPARENT", ""), request.META.get("HTTP_TRACESTATE", ""))
        with acting(request=request_id, correlation=correlation, **(come.facts if come else {})), answering(request, come) as span:
            response = self.get_response(request)
            if response.status_code >= 400 and request.path.startswith("/api/") and response.headers.get("Content-Type") != MEDIA_TYPE:
                code = BY_STATUS.get(response.status_code, "bad_request" if response.status_code < 500 else "internal_error")
                _tell(response, document(Problem(code, status=response.status_code), request), MEDIA_TYPE)
            if span is not None:
                _tell_span(span, request, response.status_code)
        if request.method == "HEAD" and not response.streaming:
            # The length of what GET would send, and nothing of it: servers complain otherwise.
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        response.headers["X-Request-Id"] = request_id
        if span is not None:
            response.headers["Server-Timing"] = f'traceparent;desc="{span.trace.parent}"'
        return response


def _tell_span(span: tracing.Span, request: HttpRequest, status: int) -> None:
    """The route names the span: addresses themselves are too many."""
    route = f"/{match.route}" if (match := request.resolver_match) else ""
    told: dict[str, str | int] = {"http.response.status_code": status} | ({"http.route": route} if route else {})
    span.tell(told, name=f"{request.method} {route}".strip())
    if status >= 500:
        span.fail(str(status))


def _tell(response: HttpResponse, body: bytes, kind: str) -> None:
    response.content = body
    response.headers["Content-Type"] = kind
    response.headers["Content-Length"] = str(len(body))


def _told(pattern: re.Pattern[str], request: HttpRequest, header: str) -> str | None:
    """A header if it is well-formed; what is not is as good as absent, because it ends up in logs and events."""
    told = request.META.get(header, "")
    return told if pattern.fullmatch(told) else None
