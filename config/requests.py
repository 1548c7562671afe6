"""One log line for each HTTP request. Its ids come from eventstore.api.middleware, which is the next one out."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject, empty

from eventstore.spans import UNREMARKABLE

log = logging.getLogger(__name__)


class RequestLog:
    """Middleware: method, path without its query (it may quote a customer), status, milliseconds, actor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = time.perf_counter()
        response = self._get_response(request)
        # Told on level DEBUG, unless they fail.
        level = logging.DEBUG if request.path.startswith(UNREMARKABLE) and response.status_code < 500 else logging.INFO
        if log.isEnabledFor(level):
            ms = round((time.perf_counter() - begun) * 1000, 1)
            told = {"method": request.method, "path": request.path, "status": response.status_code, "ms": ms}
            log.log(level, "request", extra=told | {"actor": actor_of(request)})
        return response


def actor_of(request: HttpRequest) -> str | None:
    """Who asked, if the view looked; looking for the log alone would cost a query."""
    user = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped", empty) is empty:
        return None
    return str(user) if user is not None and user.is_authenticated else None
