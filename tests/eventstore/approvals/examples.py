"""What the stories about approvals are told with: a counter whose rise somebody has to agree to."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from eventstore.approvals import ApprovalRequested, GrantApproval, RequestApproval, handle
from eventstore.context import acting
from eventstore.log import ANY, append, unit_of_work
from eventstore.models import Approval
from tests.eventstore.examples import Raised

ID = UUID(int=7)
SUBJECT = "counter-1"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 13, tzinfo=UTC)

requested = ApprovalRequested(
    approval_id=ID, subject=SUBJECT, subject_version=1, reasons=("above_limit",), requested_by="user:ada", due_at=LATER
)


def change(stream: str = SUBJECT) -> None:
    """The subject moves on."""
    with unit_of_work():
        append(stream, [Raised()], expected=ANY)


def ask_for(actor: str = "user:ada", **wanted: Any) -> Approval:
    """Ada asks somebody to agree to the counter as it is at version 1."""
    asked: dict[str, Any] = {"approval_id": ID, "subject": SUBJECT, "subject_version": 1, "reasons": ("above_limit",)} | wanted
    with acting(actor=actor):
        return handle(RequestApproval(**asked))


def grant(actor: str, approval_id: UUID = ID) -> Approval:
    with acting(actor=actor):
        return handle(GrantApproval(approval_id=approval_id))
