"""The past: anything the log tells of, as of a version, a position or a time, and how sure that answer is."""

from eventstore.moments.differences import Change, differences
from eventstore.moments.finality import is_final
from eventstore.moments.past import AsOf, Past, as_of, compare, state_before, tell_until
from eventstore.moments.places import Cut, cut_at, time_of
from eventstore.moments.questions import Moment, UnreadableMoment, parse
from eventstore.moments.snapshots import state_at

__all__ = [
    "AsOf",
    "Change",
    "Cut",
    "Moment",
    "Past",
    "UnreadableMoment",
    "as_of",
    "compare",
    "cut_at",
    "differences",
    "is_final",
    "parse",
    "state_at",
    "state_before",
    "tell_until",
    "time_of",
]
