"""The ledger: accounts, double entry, and who owns how much."""
