"""Approvals: a second pair of eyes, bound to what it saw, for a limited time."""

from eventstore.approvals import reversals as _reversals  # noqa: F401 - declares
from eventstore.approvals.commands import (
    ApprovalCommand,
    ExpireApproval,
    GrantApproval,
    RefuseApproval,
    RequestApproval,
    WithdrawApproval,
)
from eventstore.approvals.domain import ApprovalState, Around, Status, approvals, decide, is_person, person_may
from eventstore.approvals.events import (
    ApprovalEvent,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalGrantedInPart,
    ApprovalRefused,
    ApprovalRequested,
    ApprovalWithdrawn,
)
from eventstore.approvals.handlers import handle, refusal, state_of
from eventstore.approvals.sweeps import expire_due, withdraw_moved

__all__ = [
    "ApprovalCommand",
    "ApprovalEvent",
    "ApprovalExpired",
    "ApprovalGranted",
    "ApprovalGrantedInPart",
    "ApprovalRefused",
    "ApprovalRequested",
    "ApprovalState",
    "ApprovalWithdrawn",
    "Around",
    "ExpireApproval",
    "GrantApproval",
    "RefuseApproval",
    "RequestApproval",
    "Status",
    "WithdrawApproval",
    "approvals",
    "decide",
    "expire_due",
    "handle",
    "is_person",
    "person_may",
    "refusal",
    "state_of",
    "withdraw_moved",
]
