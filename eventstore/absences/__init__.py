"""Absences: what should have followed within some time and did not is an alert, until it does."""

from eventstore.absences.acknowledging import acknowledge
from eventstore.absences.declarations import Absence, all_absences
from eventstore.absences.events import AlertAcknowledged, AlertCleared, AlertRaised
from eventstore.absences.sweeps import forget_answers, raise_due, seen_until
from eventstore.absences.waits import Wait, answer, begin

__all__ = [
    "Absence",
    "AlertAcknowledged",
    "AlertCleared",
    "AlertRaised",
    "Wait",
    "acknowledge",
    "all_absences",
    "answer",
    "begin",
    "forget_answers",
    "raise_due",
    "seen_until",
]
