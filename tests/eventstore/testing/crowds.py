"""What the fault kit's tests play with: counters that are raised while workers die, and the seeds they are played with."""

import random

from eventstore.testing import assert_folded, collect, deliver_everything, produce
from tests.eventstore.examples import Raised

SEEDS = range(8)


def raise_counters(dice: random.Random) -> None:
    """One to four events in one of a few streams."""
    produce(f"counter-{dice.randint(1, 3)}", *(Raised(by=dice.randint(1, 9)) for _ in range(dice.randint(1, 4))))


def storm(broken, *consumers, rounds: int = 8) -> None:
    """Events come while the workers of these consumers are in trouble; afterwards everything is delivered in peace."""
    dice = random.Random(broken.seed)
    broken.consumers = consumers
    with broken:
        for _ in range(rounds):
            broken.survive(lambda: raise_counters(dice))
            broken.survive(lambda: raise_counters(dice))
            broken.deliver(6)
    deliver_everything()


def crowd(*projections):
    """A scenario: a collector, and perhaps projections, must have everything once and in order in the end."""

    def scenario(broken):
        with collect(Raised, name="testing.crowd") as collected:
            storm(broken, collected.consumer, *projections)
            collected.then_once_in_order()
            for projection in projections:
                assert_folded(projection)

    return scenario
