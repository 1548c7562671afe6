"""Commands carried out: lock, decide, record, append. All four or none.

Next: eventstore/log/writer.py records the events when the unit of work ends.
"""

from ledger.handlers.accounts import open_account
from ledger.handlers.holds import HoldReceipt, end_hold, expire_due, place_hold
from ledger.handlers.postings import post
from ledger.handlers.recording import Receipt
from ledger.handlers.reversals import reverse

__all__ = ["HoldReceipt", "Receipt", "end_hold", "expire_due", "open_account", "place_hold", "post", "reverse"]
