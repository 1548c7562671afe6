"""A measurement: ours and the other in turns, so that whatever else the machine does hits both; the median of the pairs' ratios."""

import operator
from collections.abc import Callable
from statistics import median

import msgspec

#: How a ratio is compared with its bound.
WORDS = {">=": operator.ge, "<=": operator.le}


class Options(msgspec.Struct, frozen=True):
    """How much of everything."""

    only: tuple[str, ...] = ()
    repeat: int = 7  #: pairs of slices
    seconds: float = 1.0  #: length of a slice
    log_size: int = 300_000  #: events in the large log of the growth rows; the rebuild folds at most a tenth of it
    orders: str = ""  #: path of a shop's export to import


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the answer. The first six names are read by machines elsewhere."""

    name: str
    ours: float
    against: float
    unit: str
    ratio: float
    wanted: str = ""  #: such as ">= 0.8"; empty when the figure is only told
    peer: str  #: what `against` is, in words

    @property
    def is_met(self) -> bool | None:
        """Whether the ratio is as wanted; None when nothing is."""
        if not self.wanted:
            return None
        word, bound = self.wanted.split()
        return bool(WORDS[word](self.ratio, float(bound)))


def compare(
    name: str, ours: Callable[[], float], against: Callable[[], float], *, repeat: int, unit: str, peer: str, wanted: str = ""
) -> Row:
    """Take turns, each time the other way round; the row has the medians, and the median of ours / against over the pairs."""
    pairs = []
    for turn in range(repeat):
        if turn % 2:
            theirs = against()
            pairs.append((ours(), theirs))
        else:
            pairs.append((ours(), against()))
    return Row(
        name=name,
        ours=median(mine for mine, _ in pairs),
        against=median(theirs for _, theirs in pairs),
        unit=unit,
        ratio=median(mine / theirs for mine, theirs in pairs),
        wanted=wanted,
        peer=peer,
    )
