"""Read tables over HTTP: how far each is behind, and rebuild, pause, resume.

Next: eventstore/runs for a rebuild beside the live tables.
"""

from typing import Literal
from uuid import UUID

import msgspec

from eventstore import health, runs
from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.pages import Page, Query
from eventstore.api.problems import Problem
from eventstore.api.run_shapes import Rate, Reason
from eventstore.api.views import ApiView
from eventstore.delivery import pause, resume
from eventstore.errors import UnknownName
from eventstore.messages import Command
from eventstore.projections import Projection, all_projections, must_run, projection_named, start_rebuild


class RebuildProjection(Command):
    """`shadow` is beside the live tables, to be previewed and swapped; in place, readers see the table grow."""

    name: str
    reason: Reason
    shadow: bool = True
    rate: Rate | None = None


class PauseProjection(Command):
    name: str
    reason: Reason


class ResumeProjection(Command):
    name: str
    reason: Reason


class ShownProjection(msgspec.Struct, frozen=True, kw_only=True):
    """A read table and how far it is behind the log."""

    name: str
    tables: list[str]
    state: Literal["running", "paused", "missing"]
    lag_events: int
    lag_seconds: float
    fallbacks: int
    parked: int
    dead: int


class BegunRebuild(msgspec.Struct, frozen=True, kw_only=True):
    """A rebuild that goes on in the background: watch its run, or in place the lag of the projection."""

    name: str
    run_id: UUID | None
    events: int  #: to be folded


class ProjectionsPage(Page, frozen=True, kw_only=True):
    data: list[ShownProjection]


class ProjectionsView(ApiView):
    @reads(scope="ops:read", answer=ProjectionsPage)
    def get(self, question: Question[Query]) -> Answer:
        """List all projections."""
        return Answer(body=ProjectionsPage(data=shown()))


class RebuildView(ApiView):
    @accepts(RebuildProjection, scope="ops:write", answer=BegunRebuild, status=202)
    def post(self, wish: Wish[RebuildProjection]) -> Answer:
        """Rebuild a projection from the whole log: a run when it is beside the live tables, else its lag is the progress."""
        asked = wish.command
        projection = find(asked.name)
        if asked.shadow:
            run = runs.rebuild_beside(projection.name, reason=asked.reason, rate=asked.rate)
            begun = BegunRebuild(name=projection.name, run_id=run.pk, events=run.total)
            return Answer(body=begun, status=202, location=f"/api/v1/runs/{run.pk}")
        must_run(projection.name)
        ahead = start_rebuild(projection.name, asked.reason)
        return Answer(body=BegunRebuild(name=projection.name, run_id=None, events=ahead), status=202, location="/api/v1/projections")


class PauseView(ApiView):
    @accepts(PauseProjection, scope="ops:write", answer=ShownProjection)
    def post(self, wish: Wish[PauseProjection]) -> Answer:
        """Let a projection take nothing until it is resumed."""
        pause(find(wish.command.name).name, wish.command.reason)
        return Answer(body=one(wish.command.name))


class ResumeView(ApiView):
    @accepts(ResumeProjection, scope="ops:write", answer=ShownProjection)
    def post(self, wish: Wish[ResumeProjection]) -> Answer:
        """Let a projection go on where it stood."""
        resume(find(wish.command.name).name, wish.command.reason)
        return Answer(body=one(wish.command.name))


def find(name: str) -> Projection:
    """Raises Problem."""
    try:
        return projection_named(name)
    except UnknownName as error:
        raise Problem("not_found", str(error)) from error


def shown() -> list[ShownProjection]:
    tables = {projection.name: projection.tables for projection in all_projections()}
    facts = ("name", "state", "lag_events", "lag_seconds", "fallbacks", "parked", "dead")
    return [
        ShownProjection(tables=tables[one.name], **{name: getattr(one, name) for name in facts})
        for one in health.consumers()
        if one.name in tables
    ]


def one(name: str) -> ShownProjection:
    return next(projection for projection in shown() if projection.name == name)
