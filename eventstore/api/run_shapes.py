"""What is said about runs over HTTP: wishes in, answers out."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from eventstore import runs
from eventstore.api.moments import AsOfText
from eventstore.api.pages import ListQuery, Page
from eventstore.messages import Command
from eventstore.models import Run, RunItem
from eventstore.runs import Diff, Progress, Selection

Effects = Literal["deny", "receipt", "run"]
State = Literal["waiting", "running", "paused", "ready", "completed", "cancelled", "failed"]
Reason = Annotated[str, Meta(min_length=1, max_length=2000, description="Stands in the history for whoever asks later.")]
Rate = Annotated[int, Meta(ge=1, le=2_000_000_000, description="Events a second at most.")]


class MeasureRun(Command):
    """What a run would touch."""

    consumer: str
    selection: Selection = Selection()
    effects: Effects = "deny"


class StartRun(Command):
    """A replay; with `as_of` a read table as it was, folded beside the live one to be previewed, never swapped.

    `typed` is the consumer's name once more, demanded above 10,000 events.
    """

    consumer: str
    reason: Reason
    selection: Selection = Selection()
    effects: Effects = "deny"
    rate: Rate | None = None
    typed: str = ""
    as_of: AsOfText | None = None


class PauseRun(Command):
    run_id: UUID
    reason: Reason


class ResumeRun(Command):
    run_id: UUID
    reason: Reason


class CancelRun(Command):
    run_id: UUID
    reason: Reason


Seen = Annotated[str, Meta(max_length=64, description="The `digest` of the diff that was looked at.")]


class ApproveRun(Command):
    """`seen` is demanded for a rebuild: it is swapped in only if what differs is what that preview showed."""

    run_id: UUID
    reason: Reason
    seen: Seen = ""


class PreviewRun(Command):
    run_id: UUID


class SwapRun(Command):
    """`expected` names what may differ: columns, "+" for rows that appear, "-" for rows that go. `seen` binds it to a preview as well."""

    run_id: UUID
    reason: Reason
    expected: tuple[str, ...] = ()
    seen: Seen = ""


class RollBackRun(Command):
    run_id: UUID
    reason: Reason


class ListedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run and how far it is."""

    id: UUID
    consumer: str
    target: Literal["live", "shadow"]
    effects: Effects
    state: State
    total: int
    rate: int | None
    reason: str
    started_by: str
    approved_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: Progress


class ShownRun(ListedRun, frozen=True, kw_only=True):
    """The same with what was counted before it started, and what came of it."""

    selection: dict[str, Any]
    blast: dict[str, Any]
    outcome: dict[str, Any]
    diff: Diff | None = None  #: the newest preview, or what the swap changed


class Item(msgspec.Struct, frozen=True):
    """One dead letter of a run that retries many. `became` is empty until it was tried."""

    id: UUID
    consumer: str
    key: str
    became: str


class RunsQuery(ListQuery):
    state: State | None = None
    consumer: Annotated[str, Meta(max_length=120)] | None = None


class RunsPage(Page, frozen=True, kw_only=True):
    data: list[ListedRun]


class ItemsPage(Page, frozen=True, kw_only=True):
    data: list[Item]


def show(run: Run) -> ShownRun:
    facts = runs.facts(run)
    outcome: dict[str, Any] = facts.pop("outcome")
    return msgspec.convert(facts | {"outcome": {k: v for k, v in outcome.items() if k != "diff"}, "diff": outcome.get("diff")}, ShownRun)


def show_line(run: Run) -> ListedRun:
    return ListedRun(
        progress=runs.progress_of(run),
        **{name: getattr(run, name) for name in ListedRun.__struct_fields__ if name != "progress"},
    )


def show_item(item: RunItem) -> Item:
    return Item(item.parked_id, item.parked.consumer, item.parked.key, item.became)
