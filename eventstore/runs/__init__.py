"""Second deliveries: replay, rebuild, preview and what-if are one thing, a run."""

from eventstore.runs.blasts import Blast, measure
from eventstore.runs.differences import Diff, Difference
from eventstore.runs.lanes import lane_named
from eventstore.runs.progress import Progress, progress_of, progress_of_all
from eventstore.runs.selections import Selection
from eventstore.runs.starting import change, facts, rebuild_beside, rebuild_past, redrive, replay
from eventstore.runs.stepping import drive, wake_all
from eventstore.runs.swapping import NEAR, approve, catch_up, catch_up_soon, look_ahead, preview, roll_back, swap, throw_away

__all__ = [
    "NEAR",
    "Blast",
    "Diff",
    "Difference",
    "Progress",
    "Selection",
    "approve",
    "catch_up",
    "catch_up_soon",
    "change",
    "drive",
    "facts",
    "lane_named",
    "look_ahead",
    "measure",
    "preview",
    "progress_of",
    "progress_of_all",
    "rebuild_beside",
    "rebuild_past",
    "redrive",
    "replay",
    "roll_back",
    "swap",
    "throw_away",
    "wake_all",
]
