"""How what happened to approvals is undone: by which command, or why not. Pure, no Django."""

from eventstore.approvals.commands import WithdrawApproval
from eventstore.approvals.events import (
    ApprovalExpired,
    ApprovalGranted,
    ApprovalGrantedInPart,
    ApprovalRefused,
    ApprovalRequested,
    ApprovalWithdrawn,
)
from eventstore.messages import Envelope, irreversible, reverses


@reverses(ApprovalRequested)
def withdraw(event: ApprovalRequested, envelope: Envelope, reason: str) -> WithdrawApproval:
    """Nobody has to decide any more; what somebody decided stays so."""
    return WithdrawApproval(approval_id=event.approval_id, reason=reason[:500])


irreversible(ApprovalGrantedInPart, because="A person's word stays; refuse the approval, or withdraw it, while others have not agreed.")
irreversible(ApprovalGranted, because="What waited for it went on; reverse what was done with it.")
irreversible(ApprovalRefused, ApprovalExpired, ApprovalWithdrawn, because="It is over; ask anew.")
