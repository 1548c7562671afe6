"""Approvals over HTTP: what waits for a second person, and their word on it.

Next: eventstore/approvals decides.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from eventstore import approvals
from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.pages import ListQuery, Page, Query, paginate
from eventstore.api.problems import Problem
from eventstore.api.views import ApiView
from eventstore.approvals import GrantApproval, RefuseApproval
from eventstore.models import Approval

State = Literal["pending", "granted", "refused", "expired", "withdrawn"]


class ShownApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a second person. `subject` is a stream, approved as it was at `subject_version`."""

    id: UUID
    version: int
    state: State
    subject: str
    subject_version: int
    reasons: list[str]
    needed: int  #: how many people have to agree
    granted_by: list[str]
    requested_by: str
    requested_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    facts: dict[str, str]
    why: str  #: the last word on it


class ApprovalsQuery(ListQuery):
    state: State | None = None
    subject: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class ApprovalsPage(Page, frozen=True, kw_only=True):
    data: list[ShownApproval]


class ApprovalsView(ApiView):
    @reads(ApprovalsQuery, scope="approvals:read", answer=ApprovalsPage)
    def get(self, question: Question[ApprovalsQuery]) -> Answer:
        """List approvals by id, the last id first."""
        asked = {name: value for name in ("state", "subject") if (value := getattr(question.query, name)) is not None}
        return Answer(body=paginate(Approval.objects.filter(**asked), question.query, by="id", show=show))


class ApprovalView(ApiView):
    @reads(scope="approvals:read", answer=ShownApproval)
    def get(self, question: Question[Query], approval_id: UUID) -> Answer:
        """Read one approval."""
        if (row := Approval.objects.filter(pk=approval_id).first()) is None:
            raise Problem("approval_not_found", f"There is no approval {approval_id}.", status=404)
        return Answer(body=show(row), version=row.version)


class GrantView(ApiView):
    @accepts(GrantApproval, scope="approvals:decide", answer=ShownApproval)
    def post(self, wish: Wish[GrantApproval]) -> Answer:
        """Agree, as somebody else than whoever asked.

        409 when its subject has changed or its time is over: the approval is then withdrawn or expired.
        """
        return decide(wish)


class RefuseView(ApiView):
    @accepts(RefuseApproval, scope="approvals:decide", answer=ShownApproval)
    def post(self, wish: Wish[RefuseApproval]) -> Answer:
        """Do not agree, and say why."""
        return decide(wish)


def decide(wish: Wish[GrantApproval] | Wish[RefuseApproval]) -> Answer:
    row = approvals.handle(wish.command, expected=wish.expected)
    return Answer(body=show(row), version=row.version, refusal=approvals.refusal(wish.command, row))


def show(row: Approval) -> ShownApproval:
    return ShownApproval(**{name: getattr(row, name) for name in ShownApproval.__struct_fields__})
