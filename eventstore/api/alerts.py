"""Alerts over HTTP: what did not follow in time, and what somebody knows about it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from eventstore import absences
from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.pages import ListQuery, Page, Query, paginate
from eventstore.api.problems import Problem
from eventstore.api.views import ApiView
from eventstore.messages import Command
from eventstore.models import Alert

State = Literal["open", "cleared"]


class AcknowledgeAlert(Command):
    """Somebody looks after it. It stays open until what is missing comes."""

    alert_id: UUID
    note: Annotated[str, Meta(min_length=1, max_length=500)]


class ShownAlert(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing followed the event `event_id` of `subject` in time."""

    id: UUID
    version: int
    rule: str
    key: str
    state: State
    says: str
    event_id: UUID
    subject: str
    subject_version: int
    since: datetime
    due_at: datetime
    raised_at: datetime
    acknowledged_by: str
    acknowledged_at: datetime | None
    note: str
    cleared_at: datetime | None
    cleared_by: UUID | None  #: the event that came after all


class AlertsQuery(ListQuery):
    state: State | None = None
    rule: Annotated[str, Meta(min_length=1, max_length=120)] | None = None


class AlertsPage(Page, frozen=True, kw_only=True):
    data: list[ShownAlert]


class AlertsView(ApiView):
    @reads(AlertsQuery, scope="ops:read", answer=AlertsPage)
    def get(self, question: Question[AlertsQuery]) -> Answer:
        """List alerts, newest first."""
        asked = {name: value for name in ("state", "rule") if (value := getattr(question.query, name)) is not None}
        return Answer(body=paginate(Alert.objects.filter(**asked), question.query, by="id", show=show))


class AlertView(ApiView):
    @reads(scope="ops:read", answer=ShownAlert)
    def get(self, question: Question[Query], alert_id: UUID) -> Answer:
        """Read one alert."""
        if (row := Alert.objects.filter(pk=alert_id).first()) is None:
            raise Problem("alert_not_found", f"There is no alert {alert_id}.", status=404)
        return Answer(body=show(row), version=row.version)


class AcknowledgeView(ApiView):
    @accepts(AcknowledgeAlert, scope="ops:write", answer=ShownAlert)
    def post(self, wish: Wish[AcknowledgeAlert]) -> Answer:
        """Say that somebody looks after an open alert, and what they know."""
        row = absences.acknowledge(wish.command.alert_id, wish.command.note)
        return Answer(body=show(row), version=row.version)


def show(row: Alert) -> ShownAlert:
    return ShownAlert(**{name: getattr(row, name) for name in ShownAlert.__struct_fields__})
