"""Rows: what commands change and what projections fill."""

from ledger.models.read import Balance, StatementLine
from ledger.models.write import Account, Entry, Transaction

__all__ = ["Account", "Balance", "Entry", "StatementLine", "Transaction"]
