"""What is said about dead letters over HTTP: wishes in, answers out.

`event_id` in a wish is the failed event that the caller looked at: when another one fails by then, nothing is done.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from eventstore.api.pages import ListQuery, Page, Query
from eventstore.api.run_shapes import Rate, Reason
from eventstore.delivery.groups import Group
from eventstore.delivery.letters import Corrected, Letter
from eventstore.messages import Command

MOST = 5000  #: keys that one request may name

Fingerprint = Annotated[str, Meta(min_length=1, max_length=32)]


class RetryDeadLetters(Command):
    """Exactly these, or all that wait because of failures of one kind now."""

    reason: Reason
    ids: Annotated[tuple[UUID, ...], Meta(max_length=MOST)] = ()
    group: Fingerprint | None = None
    rate: Rate | None = None


class RetryDeadLetter(Command):
    parked_id: UUID
    reason: Reason
    event_id: UUID | None = None


class EditDeadLetter(Command):
    """Another payload for its failed event, for this consumer only. The log keeps the original."""

    parked_id: UUID
    data: dict[str, Any]
    reason: Reason
    event_id: UUID | None = None


class SkipDeadLetter(Command):
    parked_id: UUID
    reason: Reason
    event_id: UUID | None = None


class RedirectDeadLetter(Command):
    """`to` names the consumer whose handler takes the failed event instead."""

    parked_id: UUID
    to: str
    reason: Reason
    event_id: UUID | None = None


class DiscardDeadLetter(Command):
    parked_id: UUID
    reason: Reason
    event_id: UUID | None = None


class RestoreDeadLetter(Command):
    parked_id: UUID
    reason: Reason


class DryRunDeadLetter(Command):
    """With `data`, as if its failed event said that."""

    parked_id: UUID
    data: dict[str, Any] | None = None


class AssignFailures(Command):
    """Who looks after failures of a kind, and what they found; what is left out stays."""

    fingerprint: Fingerprint
    assignee: Annotated[str, Meta(max_length=150)] | None = None
    note: Annotated[str, Meta(max_length=10_000)] | None = None


class LettersQuery(ListQuery):
    """Without a state: those that wait, retrying or dead."""

    state: Literal["retrying", "dead", "resolved", "skipped", "discarded"] | None = None
    consumer: Annotated[str, Meta(max_length=120)] | None = None
    group: Fingerprint | None = None


class GroupsQuery(Query):
    limit: Annotated[int, Meta(ge=1, le=200, description="How many at most.")] = 100


class LettersPage(Page, frozen=True, kw_only=True):
    data: list[Letter]


class GroupsPage(Page, frozen=True, kw_only=True):
    data: list[Group]


class HandledLetter(Letter, frozen=True, kw_only=True):
    """A dead letter and what became of it; `waits` is that it went through and an event behind it failed."""

    became: Literal["processed", "failed again", "waits", "skipped", "discarded", "restored"]
    correction: Corrected | None = None


class Assigned(msgspec.Struct, frozen=True):
    """Who looks after failures of a kind."""

    fingerprint: str
    assignee: str
    note: str
