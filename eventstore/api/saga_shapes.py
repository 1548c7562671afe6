"""What is said about sagas over HTTP: wishes in, answers out.

`version` in a wish is the one that the caller looked at: when the saga has gone on since, nothing is done.
"""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from eventstore.api.pages import ListQuery, Page
from eventstore.api.run_shapes import Reason
from eventstore.messages import Command
from eventstore.sagas import SagaLine, ToldCommand

Version = Annotated[int, Meta(ge=0, le=2_000_000_000, description="Of the saga, as it was shown.")]


class CompensateSaga(Command):
    saga_id: UUID
    reason: Reason
    version: Version | None = None


class CloseSaga(Command):
    saga_id: UUID
    reason: Reason
    version: Version | None = None


class RetrySagaCommand(Command):
    command_id: UUID
    reason: Reason


class SettleSagaCommand(Command):
    command_id: UUID
    reason: Reason


class SagasQuery(ListQuery):
    """`trouble` is true for those that wait for a person; `key` is what a saga is about, exactly."""

    saga: Annotated[str, Meta(max_length=120)] | None = None
    status: Literal["running", "compensating", "finished"] | None = None
    trouble: bool | None = None
    key: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class SagasPage(Page, frozen=True, kw_only=True):
    data: list[SagaLine]


class ShownSagaCommand(ToldCommand, frozen=True, kw_only=True):
    """A command of a saga, and whose it is."""

    saga_id: UUID
