"""Second deliveries: replay, rebuild, preview and what-if are one thing, a run."""

from eventstore.runs.blasts import Blast, measure
from eventstore.runs.differences import Diff, Difference
from eventstore.runs.lanes import lane_named
from eventstore.runs.progress import Progress, progress_of
from eventstore.runs.selections import Selection
from eventstore.runs.starting import change, facts, rebuild_beside, redrive, replay
from eventstore.runs.stepping import drive, wake_all
from eventstore.runs.swapping import catch_up, preview, roll_back, swap, throw_away

__all__ = [
    "Blast",
    "Diff",
    "Difference",
    "Progress",
    "Selection",
    "catch_up",
    "change",
    "drive",
    "facts",
    "lane_named",
    "measure",
    "preview",
    "progress_of",
    "rebuild_beside",
    "redrive",
    "replay",
    "roll_back",
    "swap",
    "throw_away",
    "wake_all",
]
