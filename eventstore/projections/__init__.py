"""Projections: read tables that follow from events, and how they are rebuilt."""

from eventstore.projections.declarations import Projection
from eventstore.projections.freshness import Lagging, wait_until
from eventstore.projections.purity import ProjectionCheats, prove_pure, suspicions
from eventstore.projections.rebuilding import Resting, all_projections, catch_up, must_run, projection_named, rebuild, reset, start_rebuild
from eventstore.projections.rows import Rows, upsert

__all__ = [
    "Lagging",
    "Projection",
    "ProjectionCheats",
    "Resting",
    "Rows",
    "all_projections",
    "catch_up",
    "must_run",
    "projection_named",
    "prove_pure",
    "rebuild",
    "reset",
    "start_rebuild",
    "suspicions",
    "upsert",
    "wait_until",
]
