"""The rules of the ledger: decide what follows from a command, evolve by what happened. Pure, no Django."""

from ledger.domain.accounts import AccountState, accounts
from ledger.domain.amounts import minor_units
from ledger.domain.books import Books, evolve
from ledger.domain.chart import CHART
from ledger.domain.decisions import decide
from ledger.domain.moves import wanted_by

__all__ = ["CHART", "AccountState", "Books", "accounts", "decide", "evolve", "minor_units", "wanted_by"]
