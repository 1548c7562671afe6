"""Commands carried out: lock, hold the subject still, decide, append, keep. All five or none.

Next: eventstore/approvals/sweeps.py ends what nobody decides.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError
from django.db.models.functions import Now

from eventstore.approvals.commands import (
    ApprovalCommand,
    ExpireApproval,
    GrantApproval,
    RefuseApproval,
    RequestApproval,
    WithdrawApproval,
)
from eventstore.approvals.domain import ApprovalState, Around, Status, approvals, canonical, decide, moved
from eventstore.context import acting, current_facts
from eventstore.errors import Refused, StreamMoved
from eventstore.log import append, hold, read_stream, unit_of_work
from eventstore.messages import handles
from eventstore.models import Approval
from eventstore.statements import ask


@handles(RequestApproval, GrantApproval, RefuseApproval, WithdrawApproval, ExpireApproval)
@unit_of_work()
def handle(command: ApprovalCommand, *, expected: int | None = None) -> Approval:
    """Change one approval and return it. `expected` is the version the caller has seen.

    Look at what it became: whoever grants what is too old or too late gets it back withdrawn or expired, and `refusal` says so.
    Raises Refused when the rules say no, StreamMoved when another writer was first.
    """
    row = locked(command.approval_id)
    if expected is not None and row.version != expected:
        raise StreamMoved(stream=approvals.stream(row.pk), expected=expected)
    if isinstance(command, RequestApproval):
        _make_room(row, command)
    state = state_of(row)
    events = decide(state, command, _around(state, command))
    if events:
        stream = approvals.stream(row.pk)
        with acting(**_story(stream)):
            version = append(stream, events, expected=row.version)
        _keep(row, approvals.fold(events, state), version)
    return row


def locked(approval_id: UUID) -> Approval:
    """The approval under a row lock, or a new one that nobody has saved yet."""
    return Approval.objects.select_for_update(no_key=True).filter(pk=approval_id).first() or Approval(id=approval_id)


def refusal(command: ApprovalCommand, row: Approval) -> Refused | None:
    """What to tell whoever wanted to decide and came too late, although something was recorded: how it ended instead."""
    if isinstance(command, GrantApproval | RefuseApproval) and row.state in (Status.WITHDRAWN, Status.EXPIRED):
        return Refused(f"Approval {row.pk} is {row.state}: {row.why}", code=f"approval_{row.state}")
    return None


def state_of(row: Approval) -> ApprovalState:
    """What the rules need to know."""
    told = {name: getattr(row, "state" if name == "status" else name) for name in ApprovalState.__struct_fields__}
    return msgspec.convert(told, ApprovalState)


def _make_room(row: Approval, command: RequestApproval) -> None:
    """The same question about an older version is withdrawn. Raises Refused when it waits for an answer on this one."""
    same = Approval.objects.filter(subject=command.subject, reasons=list(canonical(command.reasons)), state=Status.PENDING)
    other = same.exclude(pk=row.pk).select_for_update(no_key=True).first()
    if other is None:
        return
    if other.subject_version >= command.subject_version:
        raise Refused(
            f"Approval {other.pk} asks the same about {command.subject} already.", code="approval_pending", approval_id=str(other.pk)
        )
    why = moved(command.subject, other.subject_version, command.subject_version)
    handle(WithdrawApproval(approval_id=other.pk, reason=why))


def _around(state: ApprovalState, command: ApprovalCommand) -> Around:
    """Who decides on a subject holds it still until COMMIT: a change of it comes before, and is seen, or after."""
    version = 0
    subject = command.subject if isinstance(command, RequestApproval) else state.subject
    if subject and isinstance(command, RequestApproval | GrantApproval | RefuseApproval):
        # Both partitions at once, in one order: the flush will want the approval's own.
        version = hold(subject, approvals.stream(command.approval_id))[subject]
    return Around(at=_database_time(), subject_version=version, by=str(current_facts().get("actor", "")))


def _database_time() -> datetime:
    row = ask("SELECT clock_timestamp()")
    assert row is not None
    at: datetime = row[0]
    return at


def _story(stream: str) -> dict[str, Any]:
    """An approval stays in the story that asked for it. What led to a decision is that question, unless something nearer is known."""
    first = next(iter(read_stream(stream, limit=1)), None)
    if first is None:
        return {}
    return {"correlation": first.correlation, "causation": current_facts().get("causation") or str(first.id)}


def _keep(row: Approval, state: ApprovalState, version: int) -> None:
    fresh = not row.version
    told = msgspec.to_builtins(state) | {"due_at": state.due_at}
    row.state, row.version = told.pop("status"), version
    for name, value in told.items():
        setattr(row, name, value)
    if state.status is not Status.PENDING:
        row.ended_at = Now()
    try:
        row.save(force_insert=fresh, force_update=not fresh)
    except IntegrityError as error:
        if not fresh:
            raise
        # Another first command was here meanwhile: with this id, or with this question.
        raise StreamMoved(stream=approvals.stream(row.pk), expected=0) from error
    if state.status is not Status.PENDING:
        row.refresh_from_db(fields=["ended_at"])
