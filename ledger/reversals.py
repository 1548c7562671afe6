"""How what happened in the ledger is undone: by which command, or why not. Pure, no Django."""

from eventstore.messages import irreversible
from ledger.events import AccountOpened, EntryPosted, TransactionPosted

irreversible(AccountOpened, because="No command closes an account; one that nobody uses holds nothing and is in nobody's way.")
irreversible(
    EntryPosted, because="It is one account's side of a transaction; reverse the ledger.transaction_posted of the same transaction."
)
irreversible(TransactionPosted, because="Post the opposite entries by a transaction of kind reversal.")
