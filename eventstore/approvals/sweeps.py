"""What ends approvals that nobody decides: their time, and changes of what they are about. Beat calls both, often.

The proof that nothing old is granted is in the handler. Withdrawing early is a courtesy: nobody reads what cannot be granted.
"""

import logging
from collections.abc import Iterable
from uuid import UUID

from eventstore.approvals.commands import ApprovalCommand, ExpireApproval, WithdrawApproval
from eventstore.approvals.domain import Status, moved
from eventstore.approvals.handlers import handle
from eventstore.context import acting
from eventstore.delivery.attempts import BROKEN
from eventstore.log import unit_of_work
from eventstore.models import Approval
from eventstore.statements import ask_all

log = logging.getLogger(__name__)

ACTOR = "system:approvals"
AT_ONCE = 200

DUE = """
SELECT id FROM eventstore_approval WHERE state = 'pending' AND due_at <= clock_timestamp() ORDER BY due_at LIMIT %s
"""

# A look into the index of the log for each that waits for people, who are few: no consumer hears every event of every app for it.
MOVED = """
SELECT a.id, a.subject, a.subject_version, e.id,
       (SELECT max(n.version) FROM eventstore_event n WHERE n.stream = a.subject)
FROM eventstore_approval a JOIN eventstore_event e ON e.stream = a.subject AND e.version = a.subject_version + 1
WHERE a.state = 'pending' LIMIT %s
"""


def expire_due() -> int:
    """Expire what is due by the clock of the database; return how many. Of two who do it at once, each takes other ones."""
    return _each((ExpireApproval(approval_id=found), None) for (found,) in ask_all(DUE, [AT_ONCE], prepare=False))


def withdraw_moved() -> int:
    """Withdraw what nobody can grant any more because its subject has changed; return how many."""
    return _each(
        (WithdrawApproval(approval_id=found, reason=moved(subject, asked, newest)), cause)
        for found, subject, asked, cause, newest in ask_all(MOVED, [AT_ONCE], prepare=False)
    )


def _each(commands: Iterable[tuple[ExpireApproval | WithdrawApproval, UUID | None]]) -> int:
    """Each in a unit of work of its own: one that cannot be ended holds up no other."""
    done = 0
    for command, cause in commands:
        try:
            with acting(actor=ACTOR, causation=str(cause) if cause else None):
                done += _end(command)
        except BROKEN:
            raise
        except Exception as error:  # whatever one of them meets: the time of the others is over, too
            log.warning("approval_not_ended", extra={"approval": str(command.approval_id), "reason": str(error)})
    return done


def _end(command: ApprovalCommand) -> bool:
    with unit_of_work() as work:
        waiting = Approval.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=command.approval_id, state=Status.PENDING)
        if waiting.first() is None:
            return False  # somebody is at it, or was
        handle(command)
        return bool(work.event_count)
