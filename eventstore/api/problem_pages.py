"""What a problem's `type` leads to: a sentence for people and programs."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View

from eventstore.api.problems import CODES, title_of

REFUSAL = "A rule of the application refused this. Nothing was done; `detail` and the other members of the problem say why."


class ProblemView(View):
    """JSON or plain text, as the client prefers. Codes that are not ours are refusals of a domain app."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        status, meaning = CODES.get(code, (None, REFUSAL))
        if request.get_preferred_type(["text/plain", "application/json"]) == "application/json":
            return JsonResponse({"code": code, "title": title_of(code), "status": status, "meaning": meaning})
        heading = f"{title_of(code)} ({code}{f', {status}' if status else ''})"
        return HttpResponse(f"{heading}\n\n{meaning}\n", content_type="text/plain; charset=utf-8")
