"""Which fault when: everything follows from the seed."""

import random
from collections.abc import Iterator, Mapping

import msgspec

#: Seconds between two faults.
SHORTEST, LONGEST = 0.3, 1.5


class Blow(msgspec.Struct, frozen=True):
    """One fault to come: after a pause, of a kind, at whatever the number picks among those it could hit."""

    pause: float
    kind: str
    number: int

    def pick(self, targets: int) -> int:
        """The index of one of so many targets."""
        return self.number % targets

    @property
    def fraction(self) -> float:
        """A number from 0 to 1 for whatever has to be chosen besides."""
        return (self.number // 7919 % 1000) / 1000


def plan(seed: int, weights: Mapping[str, int]) -> Iterator[Blow]:
    """Blows without end. Each round holds every kind as often as its weight says, so that a short run meets all kinds."""
    dice = random.Random(seed)
    while True:
        kinds = [kind for kind in sorted(weights) for _ in range(weights[kind])]
        dice.shuffle(kinds)
        for kind in kinds:
            yield Blow(round(dice.uniform(SHORTEST, LONGEST), 3), kind, dice.getrandbits(32))
