"""Events are taken back by their owners: a compensating command, once, when nothing stands on the event any more."""

from eventstore.reversing.dependents import Dependent
from eventstore.reversing.plans import Plan, rehearse
from eventstore.reversing.undoing import Reversed, reverse, undone

__all__ = ["Dependent", "Plan", "Reversed", "rehearse", "reverse", "undone"]
