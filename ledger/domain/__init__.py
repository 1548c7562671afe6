"""The rules of the ledger: decide what follows from a command, evolve by what happened. Pure, no Django."""

from ledger.domain.accounts import AccountState, accounts
from ledger.domain.amounts import minor_units
from ledger.domain.books import Books, evolve
from ledger.domain.chart import CHART
from ledger.domain.decisions import decide
from ledger.domain.holds import HoldState, holds
from ledger.domain.moves import referred, wanted_by
from ledger.domain.reversing import remaining

__all__ = [
    "CHART",
    "AccountState",
    "Books",
    "HoldState",
    "accounts",
    "decide",
    "evolve",
    "holds",
    "minor_units",
    "referred",
    "remaining",
    "wanted_by",
]
