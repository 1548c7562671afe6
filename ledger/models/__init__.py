"""Rows: what commands change and what projections fill."""

from ledger.models.read import Balance, OpenHold, StatementLine
from ledger.models.write import Account, Entry, Hold, Transaction

__all__ = ["Account", "Balance", "Entry", "Hold", "OpenHold", "StatementLine", "Transaction"]
