"""The proof that a projection's rows follow from events alone."""

from collections.abc import Sequence
from datetime import timedelta

import time_machine

from eventstore.clock import now
from eventstore.messages import Envelope
from eventstore.projections import Projection, prove_pure


def assert_pure(projection: Projection, envelopes: Sequence[Envelope]) -> None:
    """Fold recorded events twice, two years apart and with other dice, without a database. Raises ProjectionCheats."""
    prove_pure(projection, envelopes, moved_clock=lambda: time_machine.travel(now() + timedelta(days=731)))
