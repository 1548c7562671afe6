"""Addresses of the event store's own doors. Domain apps add theirs beside them, without trailing slashes."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from eventstore.api import alerts, approvals, asyncapi, dead_letters, effects, projections, reversals, runs, sagas, schemas
from eventstore.api.docs_pages import docs
from eventstore.api.events import EventsView
from eventstore.api.problem_pages import ProblemView

RUN, LETTER, PROJECTION = "api/v1/runs/<uuid:run_id>", "api/v1/dead-letters/<uuid:parked_id>", "api/v1/projections/<str:name>"
APPROVAL, ALERT = "api/v1/approvals/<uuid:approval_id>", "api/v1/alerts/<uuid:alert_id>"
SAGA, SAGA_COMMAND = "api/v1/sagas/<uuid:saga_id>", "api/v1/saga-commands/<uuid:command_id>"

urlpatterns = [
    path("api/v1/events", EventsView.as_view()),
    path("api/v1/events/<uuid:event_id>/reverse", reversals.ReverseView.as_view()),
    path("api/v1/runs", runs.RunsView.as_view()),
    path("api/v1/runs/measure", runs.MeasureView.as_view()),
    path(RUN, runs.RunView.as_view()),
    path(f"{RUN}/items", runs.ItemsView.as_view()),
    path(f"{RUN}/pause", runs.PauseView.as_view()),
    path(f"{RUN}/resume", runs.ResumeView.as_view()),
    path(f"{RUN}/cancel", runs.CancelView.as_view()),
    path(f"{RUN}/approve", runs.ApproveView.as_view()),
    path(f"{RUN}/preview", runs.PreviewView.as_view()),
    path(f"{RUN}/swap", runs.SwapView.as_view()),
    path(f"{RUN}/rollback", runs.RollBackView.as_view()),
    path("api/v1/dead-letters", dead_letters.LettersView.as_view()),
    path("api/v1/dead-letters/retry", dead_letters.RetryManyView.as_view()),
    path("api/v1/dead-letters/groups", dead_letters.GroupsView.as_view()),
    path("api/v1/dead-letters/groups/<slug:fingerprint>/assign", dead_letters.AssignView.as_view()),
    path(LETTER, dead_letters.LetterView.as_view()),
    path(f"{LETTER}/retry", dead_letters.RetryView.as_view()),
    path(f"{LETTER}/edit", dead_letters.EditView.as_view()),
    path(f"{LETTER}/skip", dead_letters.SkipView.as_view()),
    path(f"{LETTER}/redirect", dead_letters.RedirectView.as_view()),
    path(f"{LETTER}/discard", dead_letters.DiscardView.as_view()),
    path(f"{LETTER}/restore", dead_letters.RestoreView.as_view()),
    path(f"{LETTER}/dry-run", dead_letters.DryRunView.as_view()),
    path("api/v1/projections", projections.ProjectionsView.as_view()),
    path(f"{PROJECTION}/rebuild", projections.RebuildView.as_view()),
    path(f"{PROJECTION}/pause", projections.PauseView.as_view()),
    path(f"{PROJECTION}/resume", projections.ResumeView.as_view()),
    path("api/v1/sagas", sagas.SagasView.as_view()),
    path(SAGA, sagas.SagaView.as_view()),
    path(f"{SAGA}/compensate", sagas.CompensateView.as_view()),
    path(f"{SAGA}/close", sagas.CloseView.as_view()),
    path(f"{SAGA_COMMAND}/retry", sagas.RetryView.as_view()),
    path(f"{SAGA_COMMAND}/settle", sagas.SettleView.as_view()),
    path("api/v1/effects", effects.EffectsView.as_view()),
    path("api/v1/effects/resolve", effects.ResolveView.as_view()),
    path("api/v1/approvals", approvals.ApprovalsView.as_view()),
    path(APPROVAL, approvals.ApprovalView.as_view()),
    path(f"{APPROVAL}/grant", approvals.GrantView.as_view()),
    path(f"{APPROVAL}/refuse", approvals.RefuseView.as_view()),
    path("api/v1/alerts", alerts.AlertsView.as_view()),
    path(ALERT, alerts.AlertView.as_view()),
    path(f"{ALERT}/acknowledge", alerts.AcknowledgeView.as_view()),
    path("api/v1/schemas", schemas.SchemasView.as_view()),
    path("api/v1/schemas/<str:name>", schemas.SchemaView.as_view()),
    path("api/v1/schemas/<str:name>/<int:version>", schemas.VersionView.as_view()),
    path("api/asyncapi.json", asyncapi.document_view, name="asyncapi"),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/docs", docs, name="docs"),
    path("problems/<slug:code>", ProblemView.as_view(), name="problem"),
]
