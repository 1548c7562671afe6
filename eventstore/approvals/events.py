"""What happens to approvals. A name, once recorded, never changes."""

from uuid import UUID

from msgspec import field

from eventstore.messages import Event, Moment, event


@event("approvals.requested")
class ApprovalRequested(Event):
    """Somebody else has to agree before it goes on. Bound to one version of its subject."""

    approval_id: UUID
    subject: str
    subject_version: int
    reasons: tuple[str, ...]
    requested_by: str
    needed: int = 1
    due_at: Moment | None = None
    facts: dict[str, str] = field(default_factory=dict)


@event("approvals.granted_in_part")
class ApprovalGrantedInPart(Event):
    """One person agreed, and more have to."""

    approval_id: UUID
    subject: str
    subject_version: int
    by: str
    missing: int
    comment: str = ""


@event("approvals.granted")
class ApprovalGranted(Event):
    """Everybody who had to agree did; `granted_by` are all of them, the last one last."""

    approval_id: UUID
    subject: str
    subject_version: int
    granted_by: tuple[str, ...]
    comment: str = ""


@event("approvals.refused")
class ApprovalRefused(Event):
    """Somebody said no. It is over."""

    approval_id: UUID
    subject: str
    subject_version: int
    by: str
    comment: str


@event("approvals.withdrawn")
class ApprovalWithdrawn(Event):
    """Nobody has to decide any more: its subject changed, or whoever asked does not need it."""

    approval_id: UUID
    subject: str
    subject_version: int
    reason: str


@event("approvals.expired")
class ApprovalExpired(Event):
    """Nobody decided in time."""

    approval_id: UUID
    subject: str
    subject_version: int
    due_at: Moment


ApprovalEvent = ApprovalRequested | ApprovalGrantedInPart | ApprovalGranted | ApprovalRefused | ApprovalWithdrawn | ApprovalExpired
