"""Addresses of the event store's own doors. Domain apps add theirs beside them, without trailing slashes."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from eventstore.api.docs_pages import docs
from eventstore.api.events import EventsView
from eventstore.api.problem_pages import ProblemView

urlpatterns = [
    path("api/v1/events", EventsView.as_view()),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/docs", docs, name="docs"),
    path("problems/<slug:code>", ProblemView.as_view(), name="problem"),
]
