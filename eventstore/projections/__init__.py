"""Projections: read tables that follow from events, and how they are rebuilt."""

from eventstore.projections.declarations import Projection
from eventstore.projections.freshness import Lagging, wait_until
from eventstore.projections.rebuilding import all_projections, projection_named, rebuild, reset, start_rebuild
from eventstore.projections.rows import Rows, upsert

__all__ = [
    "Lagging",
    "Projection",
    "Rows",
    "all_projections",
    "projection_named",
    "rebuild",
    "reset",
    "start_rebuild",
    "upsert",
    "wait_until",
]
