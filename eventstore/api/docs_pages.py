"""The description of the API as a page, from files of this house: no CDN, nothing inline."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


# Swagger UI draws its icons from data: URLs in its own style sheet.
@csp_update({"img-src": [SELF, "data:"]})
def docs(request: HttpRequest) -> HttpResponse:
    """Read and try every door."""
    return render(request, "api/docs.html")
