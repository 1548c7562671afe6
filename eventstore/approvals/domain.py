"""The rules of approving: four eyes, on what was seen, in time. Pure, no Django."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from msgspec import field
from msgspec.structs import replace

from eventstore.approvals.commands import (
    ApprovalCommand,
    ExpireApproval,
    GrantApproval,
    RefuseApproval,
    RequestApproval,
    WithdrawApproval,
)
from eventstore.approvals.events import (
    ApprovalEvent,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalGrantedInPart,
    ApprovalRefused,
    ApprovalRequested,
    ApprovalWithdrawn,
)
from eventstore.context import person
from eventstore.errors import Refused
from eventstore.messages import Aggregate, Value

#: Who acts by itself. Eyes are a person's.
MACHINES = ("system", "consumer", "saga", "channel")


class Status(StrEnum):
    NEW = "new"
    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class ApprovalState(Value):
    """Everything a decision may depend on, and nothing else."""

    status: Status = Status.NEW
    subject: str = ""
    subject_version: int = 0
    reasons: tuple[str, ...] = ()
    needed: int = 1
    requested_by: str = ""
    due_at: datetime | None = None
    facts: dict[str, str] = field(default_factory=dict)
    granted_by: tuple[str, ...] = ()
    why: str = ""  #: the last word on it


class Around(Value):
    """What is so around a decision: the time, how far the subject is, who acts."""

    at: datetime  #: by the clock of the database
    subject_version: int
    by: str  #: the actor, such as staff:ada


def decide(approval: ApprovalState, command: ApprovalCommand, around: Around) -> list[ApprovalEvent]:
    """What follows from a command. An empty list means it was already so. Raises Refused.

    Whoever wants to decide on what is too old or too late gets its end instead: a withdrawal, or that it expired.
    """
    match command:
        case RequestApproval():
            return _request(approval, command, around)
        case GrantApproval():
            return _grant(approval, command, around)
        case RefuseApproval():
            return _refuse(approval, command, around)
        case WithdrawApproval():
            return _withdraw(approval, command)
        case ExpireApproval():
            return _expire(approval, command, around)
        case _:
            assert_never(command)


def canonical(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Reasons in one order, each once: the same reasons are the same question."""
    return tuple(sorted(set(reasons)))


def is_person(actor: str) -> bool:
    """Whether an actor has eyes: nothing that acts by itself has."""
    return bool(person(actor)) and actor.partition(":")[0] not in MACHINES


def person_may(approval: ApprovalState, actor: str) -> str:
    """Why this actor may not grant, in a sentence; empty when they may. Whatever door they came through, a person is one pair of eyes."""
    who = person(actor)
    if not is_person(actor):
        return f"A person must decide this; {actor or 'nobody'} is none."
    if who == person(approval.requested_by):
        return f"A second person must decide this: it was {who} who asked for it."
    if who in {person(granted) for granted in approval.granted_by}:
        return f"Another person must decide this: {who} has granted it already, and {approval.needed} people have to."
    return ""


def _request(approval: ApprovalState, command: RequestApproval, around: Around) -> list[ApprovalEvent]:
    reasons = canonical(command.reasons)
    requested_by = command.requested_by or around.by
    if approval.status is not Status.NEW:
        wanted = (command.subject, command.subject_version, reasons, command.needed, command.facts, requested_by)
        known = (
            approval.subject,
            approval.subject_version,
            approval.reasons,
            approval.needed,
            approval.facts,
            approval.requested_by,
        )
        if wanted == known:
            return []
        raise Refused(f"Approval {command.approval_id} exists with other contents.", code="approval_exists")
    if not around.subject_version:
        raise Refused(f"There is no stream {command.subject} that could be approved.", code="subject_not_found", status=404)
    if around.subject_version != command.subject_version:
        raise Refused(
            f"{command.subject} is at version {around.subject_version}; version {command.subject_version} cannot be approved.",
            code="subject_moved",
            subject_version=around.subject_version,
        )
    due_at = command.due_at
    if due_at is None and command.due_in is not None:
        due_at = around.at + timedelta(seconds=command.due_in)
    requested = ApprovalRequested(
        approval_id=command.approval_id,
        subject=command.subject,
        subject_version=command.subject_version,
        reasons=reasons,
        needed=command.needed,
        due_at=due_at,
        facts=command.facts,
        requested_by=requested_by,
    )
    return [requested]


def _grant(approval: ApprovalState, command: GrantApproval, around: Around) -> list[ApprovalEvent]:
    if approval.status is Status.GRANTED and person(around.by) in {person(granted) for granted in approval.granted_by}:
        return []
    _must_be_pending(approval, command.approval_id)
    if ended := _ended(approval, command.approval_id, around):
        return [ended]
    if refusal := person_may(approval, around.by):
        raise Refused(refusal, code="four_eyes_required", status=403)
    granted_by = (*approval.granted_by, around.by)
    missing = approval.needed - len(granted_by)
    if missing > 0:
        part = ApprovalGrantedInPart(
            approval_id=command.approval_id,
            subject=approval.subject,
            subject_version=approval.subject_version,
            by=around.by,
            missing=missing,
            comment=command.comment,
        )
        return [part]
    granted = ApprovalGranted(
        approval_id=command.approval_id,
        subject=approval.subject,
        subject_version=approval.subject_version,
        granted_by=granted_by,
        comment=command.comment,
    )
    return [granted]


def _refuse(approval: ApprovalState, command: RefuseApproval, around: Around) -> list[ApprovalEvent]:
    if approval.status is Status.REFUSED:
        return []
    _must_be_pending(approval, command.approval_id)
    if ended := _ended(approval, command.approval_id, around):
        return [ended]
    refused = ApprovalRefused(
        approval_id=command.approval_id,
        subject=approval.subject,
        subject_version=approval.subject_version,
        by=around.by,
        comment=command.comment,
    )
    return [refused]


def _withdraw(approval: ApprovalState, command: WithdrawApproval) -> list[ApprovalEvent]:
    if approval.status is Status.WITHDRAWN:
        return []
    _must_be_pending(approval, command.approval_id)
    return [_withdrawn(approval, command.approval_id, command.reason)]


def _expire(approval: ApprovalState, command: ExpireApproval, around: Around) -> list[ApprovalEvent]:
    if approval.status is Status.NEW:
        _must_be_pending(approval, command.approval_id)
    if approval.status is not Status.PENDING or approval.due_at is None or approval.due_at > around.at:
        return []  # somebody decided, or it is not time yet
    return [_expired(approval, command.approval_id, approval.due_at)]


def _ended(approval: ApprovalState, approval_id: UUID, around: Around) -> ApprovalEvent | None:
    """What ends a pending approval before anybody can decide on it."""
    if around.subject_version != approval.subject_version:
        return _withdrawn(approval, approval_id, moved(approval.subject, approval.subject_version, around.subject_version))
    if approval.due_at is not None and approval.due_at <= around.at:
        return _expired(approval, approval_id, approval.due_at)
    return None


def moved(subject: str, asked: int, now: int) -> str:
    """Why an approval does not count any more."""
    return f"{subject} moved on to version {now}; what was asked for was version {asked}."


def _withdrawn(approval: ApprovalState, approval_id: UUID, reason: str) -> ApprovalWithdrawn:
    return ApprovalWithdrawn(approval_id=approval_id, subject=approval.subject, subject_version=approval.subject_version, reason=reason)


def _expired(approval: ApprovalState, approval_id: UUID, due_at: datetime) -> ApprovalExpired:
    return ApprovalExpired(approval_id=approval_id, subject=approval.subject, subject_version=approval.subject_version, due_at=due_at)


def _must_be_pending(approval: ApprovalState, approval_id: UUID) -> None:
    if approval.status is Status.NEW:
        raise Refused(f"There is no approval {approval_id}.", code="approval_not_found", status=404)
    if approval.status is not Status.PENDING:
        why = f": {approval.why}" if approval.why else "."
        raise Refused(f"Approval {approval_id} is {approval.status}{why}", code=f"approval_{approval.status}")


def evolve(approval: ApprovalState, event: ApprovalEvent) -> ApprovalState:
    """The approval after an event. Never refuses: it has already happened."""
    match event:
        case ApprovalRequested():
            return ApprovalState(
                status=Status.PENDING,
                subject=event.subject,
                subject_version=event.subject_version,
                reasons=event.reasons,
                needed=event.needed,
                requested_by=event.requested_by,
                due_at=event.due_at,
                facts=event.facts,
            )
        case ApprovalGrantedInPart():
            return replace(approval, granted_by=(*approval.granted_by, event.by), why=event.comment)
        case ApprovalGranted():
            return replace(approval, status=Status.GRANTED, granted_by=event.granted_by, why=event.comment)
        case ApprovalRefused():
            return replace(approval, status=Status.REFUSED, why=event.comment)
        case ApprovalWithdrawn():
            return replace(approval, status=Status.WITHDRAWN, why=event.reason)
        case ApprovalExpired():
            return replace(approval, status=Status.EXPIRED, why=f"Nobody decided until {event.due_at:%Y-%m-%d %H:%M:%S} UTC.")
        case _:
            assert_never(event)


approvals = Aggregate("approval", ApprovalState(), evolve)
