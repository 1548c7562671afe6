"""Second deliveries over HTTP: measure, start, watch, pause, approve, preview, swap, roll back.

Next: eventstore/runs does the work, in the background.
"""

from uuid import UUID

from eventstore import runs
from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.moments import read_moment, unreadable
from eventstore.api.pages import ListQuery, Query, paginate
from eventstore.api.problems import Problem
from eventstore.api.run_shapes import (
    ApproveRun,
    CancelRun,
    ItemsPage,
    MeasureRun,
    PauseRun,
    PreviewRun,
    ResumeRun,
    RollBackRun,
    RunsPage,
    RunsQuery,
    ShownRun,
    StartRun,
    SwapRun,
    show,
    show_item,
    show_line,
)
from eventstore.api.views import ApiView
from eventstore.delivery import declared_consumer
from eventstore.models import Run, RunItem
from eventstore.moments import UnreadableMoment
from eventstore.projections import Projection
from eventstore.runs import Blast, Selection


class RunsView(ApiView):
    @reads(RunsQuery, scope="ops:read", answer=RunsPage)
    def get(self, question: Question[RunsQuery]) -> Answer:
        """List runs, newest first: replays, rebuilds beside, redrives."""
        asked = {name: value for name in ("state", "consumer") if (value := getattr(question.query, name)) is not None}
        found = Run.objects.filter(**asked).defer("blast", "outcome")
        return Answer(body=paginate(found, question.query, by="id", show=show_line))

    @accepts(StartRun, scope="ops:write", answer=ShownRun, status=202)
    def post(self, wish: Wish[StartRun]) -> Answer:
        """Start a replay, or fold a read table as of a position or a time.

        Refused without `typed` above 10,000 events; where outside effects move money it waits for a second person.
        """
        asked = wish.command
        if asked.as_of is not None:
            return begun(rebuild_past(asked, asked.as_of))
        plan = {"effects": asked.effects, "rate": asked.rate, "reason": asked.reason, "typed": asked.typed}
        return begun(runs.replay(asked.consumer, asked.selection, **plan))  # type: ignore[arg-type]


class MeasureView(ApiView):
    @accepts(MeasureRun, scope="ops:read", answer=Blast)
    def post(self, wish: Wish[MeasureRun]) -> Answer:
        """Count what a run would touch, and start nothing."""
        consumer = declared_consumer(wish.command.consumer)
        target = Run.Target.SHADOW if isinstance(consumer, Projection) else Run.Target.LIVE
        return Answer(body=runs.measure(consumer, wish.command.selection, effects=wish.command.effects, target=target))


class RunView(ApiView):
    @reads(scope="ops:read", answer=ShownRun)
    def get(self, question: Question[Query], run_id: UUID) -> Answer:
        """Read one run."""
        return Answer(body=show(find(run_id)))


class ItemsView(ApiView):
    @reads(ListQuery, scope="ops:read", answer=ItemsPage)
    def get(self, question: Question[ListQuery], run_id: UUID) -> Answer:
        """List the dead letters of a run that retries many, and what became of each."""
        items = RunItem.objects.filter(run=find(run_id)).select_related("parked")
        return Answer(body=paginate(items, question.query, by="id", show=show_item))


class PauseView(ApiView):
    @accepts(PauseRun, scope="ops:write", answer=ShownRun)
    def post(self, wish: Wish[PauseRun]) -> Answer:
        """Let a run rest after its next step."""
        return Answer(body=show(runs.change(wish.command.run_id, "pause", wish.command.reason)))


class ResumeView(ApiView):
    @accepts(ResumeRun, scope="ops:write", answer=ShownRun, status=202)
    def post(self, wish: Wish[ResumeRun]) -> Answer:
        """Let a run go on where it stood."""
        return begun(runs.change(wish.command.run_id, "resume", wish.command.reason))


class CancelView(ApiView):
    @accepts(CancelRun, scope="ops:write", answer=ShownRun)
    def post(self, wish: Wish[CancelRun]) -> Answer:
        """End a run for good; its shadow tables go."""
        return Answer(body=show(runs.change(wish.command.run_id, "cancel", wish.command.reason)))


class ApproveView(ApiView):
    @accepts(ApproveRun, scope="ops:write", answer=ShownRun)
    def post(self, wish: Wish[ApproveRun]) -> Answer:
        """Approve a run.

        One that waits for a second person begins: the caller is somebody else than who started it. A rebuild that was
        previewed is swapped in, whatever differs, if that is what the preview showed whose digest is `seen`: 412 when there
        is another preview by now, 409 when rows differ otherwise, but for those that events touched since.
        """
        run = find(wish.command.run_id)
        if run.target == Run.Target.SHADOW:
            runs.approve(run.pk, wish.command.reason, wish.command.seen)
        else:
            runs.change(run.pk, "approve", wish.command.reason)
        return Answer(body=show(find(run.pk)))


class PreviewView(ApiView):
    @accepts(PreviewRun, scope="ops:write", answer=ShownRun)
    def post(self, wish: Wish[PreviewRun]) -> Answer:
        """Compare a rebuild with the live rows; `diff` tells row by row what a swap would change.

        202 without a `diff` while it is far behind the log: it catches up in the background, ask again with a new key.
        """
        run = find(wish.command.run_id)
        if run.state == Run.State.READY and runs.catch_up_soon(run) > runs.NEAR:
            return begun(run)
        runs.preview(run.pk)
        return Answer(body=show(find(run.pk)))


class SwapView(ApiView):
    @accepts(SwapRun, scope="ops:write", answer=ShownRun)
    def post(self, wish: Wish[SwapRun]) -> Answer:
        """Swap a rebuild in through the equality gate: refused when rows differ that nobody expected to."""
        runs.swap(wish.command.run_id, wish.command.reason, wish.command.expected, seen=wish.command.seen)
        return Answer(body=show(find(wish.command.run_id)))


class RollBackView(ApiView):
    @accepts(RollBackRun, scope="ops:write", answer=ShownRun)
    def post(self, wish: Wish[RollBackRun]) -> Answer:
        """Take a swap back: the old tables are live again and catch up."""
        runs.roll_back(wish.command.run_id, wish.command.reason)
        return Answer(body=show(find(wish.command.run_id)))


def rebuild_past(asked: StartRun, as_of: str) -> Run:
    """Raises Problem (422) where the moment cannot be read, or has no meaning for a table."""
    if asked.selection != Selection():
        raise unreadable("A read table as of a moment is folded from all of its events; leave `selection` out.", "selection")
    try:
        return runs.rebuild_past(asked.consumer, read_moment(as_of), reason=asked.reason, rate=asked.rate)
    except UnreadableMoment as error:
        raise unreadable(str(error)) from error


def begun(run: Run) -> Answer:
    """What goes on in the background, and where to watch it."""
    return Answer(body=show(run), status=202, location=f"/api/v1/runs/{run.pk}")


def find(run_id: UUID) -> Run:
    """Raises Problem."""
    if (run := Run.objects.filter(pk=run_id).first()) is None:
        raise Problem("run_not_found", f"There is no run {run_id}.", status=404)
    return run
