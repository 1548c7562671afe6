"""What the outside may read of the ledger: accounts. How a transaction was posted is the ledger's own business."""

from eventstore.messages import publish
from ledger.events import AccountOpened

publish(AccountOpened, forms=("full", "notification"), notification=("account_id", "code", "currency"))
