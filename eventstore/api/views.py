"""The view that all doors share: JSON in and out, keys and sessions, problems for errors, nothing else of DRF."""

from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from eventstore.api.callers import KeyAuthentication, StaffSession
from eventstore.api.openapi import DoorSchema
from eventstore.api.problems import Problem


class JsonOnly(BaseContentNegotiation):
    """Answers are JSON; who accepts nothing of the kind is told so."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        accept = request.META.get("HTTP_ACCEPT", "*/*")
        if accept not in ("*/*", "application/json") and not request._request.accepts("application/json"):
            raise Problem("not_acceptable")
        return renderers[0], "application/json"


class ApiView(APIView):
    """A view whose methods are doors: `@accepts(…) def post`, `@reads(…) def get`. Each door checks its own scope."""

    authentication_classes = (KeyAuthentication, StaffSession)
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = JsonOnly
    schema = DoorSchema()

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed_methods)} if self.request.method == "OPTIONS" else {}

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Which methods there are."""
        return HttpResponse(status=204)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise Problem("method_not_allowed", f"{request.method} is not possible here.", headers={"Allow": ", ".join(self.allowed_methods)})
