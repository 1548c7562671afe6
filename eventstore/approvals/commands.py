"""What people and sagas want of approvals."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, field

from eventstore.clock import new_id
from eventstore.messages import Command, command

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Reason = Annotated[str, Meta(min_length=1, max_length=64, description="Such as above_limit: reasons are compared, not read out.")]
Comment = Annotated[str, Meta(max_length=500)]


@command("approvals.request")
class RequestApproval(Command):
    """Have somebody else agree to `subject`, a stream such as order-0192…, as it is at this version.

    `facts` are for whoever decides. `requested_by` is who may not; without it that is whoever acts. `needed` people have to agree,
    until `due_at`, or `due_in` seconds from now.
    """

    subject: Text
    subject_version: Annotated[int, Meta(ge=1)]
    reasons: Annotated[tuple[Reason, ...], Meta(min_length=1, max_length=20)]
    approval_id: UUID = field(default_factory=new_id)
    needed: Annotated[int, Meta(ge=1, le=5)] = 1
    due_at: Annotated[datetime, Meta(tz=True)] | None = None
    due_in: Annotated[float, Meta(gt=0, le=31_622_400)] | None = None
    facts: Annotated[dict[Text, Comment], Meta(max_length=20)] = field(default_factory=dict)
    requested_by: Annotated[str, Meta(max_length=200)] = ""


@command("approvals.grant")
class GrantApproval(Command):
    """Agree."""

    approval_id: UUID
    comment: Comment = ""


@command("approvals.refuse")
class RefuseApproval(Command):
    """Do not agree, and say why."""

    approval_id: UUID
    comment: Annotated[str, Meta(min_length=1, max_length=500)]


@command("approvals.withdraw")
class WithdrawApproval(Command):
    """Nobody needs it any more."""

    approval_id: UUID
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


@command("approvals.expire")
class ExpireApproval(Command):
    """Its time is over, if it is."""

    approval_id: UUID


ApprovalCommand = RequestApproval | GrantApproval | RefuseApproval | WithdrawApproval | ExpireApproval
