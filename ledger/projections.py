"""How the read tables follow from events."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from eventstore.messages import Envelope
from eventstore.projections import Projection
from ledger.events import AccountOpened, Entry, EntryPosted, TransactionPosted
from ledger.models.read import Balance, StatementLine

Posted = TransactionPosted | EntryPosted


def accounts_told(event: Posted, envelope: Envelope) -> Iterable[UUID]:
    return (entry.account_id for entry in event.told)


def lines_told(event: Posted, envelope: Envelope) -> Iterable[str]:
    return (line_key(event, entry) for entry in event.told)


def line_key(event: Posted, entry: Entry) -> str:
    """Sorts the lines of an account by its versions; those of a deferred account, which has none, by transaction."""
    return f"{entry.account_id}:{entry.account_version or 0:010}:{event.transaction_id}"


# One lane: a deferred account is everybody's counterparty, so its row mixes the streams of all partitions. Sums commute,
# so any order will do; what may not happen is two steps that read the same row at once.
balances = Projection("ledger.balances", rows=Balance, key=lambda event, envelope: event.account_id, lanes="one")
statement = Projection("ledger.statement", rows=StatementLine, key=lambda event, envelope: envelope.id)


@balances.on(AccountOpened)
def describe(balance: Balance, event: AccountOpened, envelope: Envelope) -> Balance:
    """May come after the first entries of a deferred account, which are in other streams: it leaves the counters alone."""
    balance.code, balance.currency, balance.exponent = event.code, event.currency, event.exponent
    balance.kind, balance.normal_side = event.kind, event.normal_side
    balance.posting_mode, balance.owner_ref = event.posting_mode, event.owner_ref
    balance.credit_limit = None if event.credit_limit is None else Decimal(event.credit_limit)
    return _stamp(balance, 1, envelope)


@balances.on(TransactionPosted, EntryPosted, keys=accounts_told)
def move(balance: Balance, event: Posted, envelope: Envelope) -> Balance:
    (entry,) = (entry for entry in event.told if entry.account_id == balance.account_id)
    balance.code, balance.currency = entry.account_code, entry.currency
    counter = "debits_posted" if entry.side == "D" else "credits_posted"
    setattr(balance, counter, int(getattr(balance, counter)) + int(entry.amount))  # not Decimal: that rounds to 28 digits
    return _stamp(balance, entry.account_version or 0, envelope)


@statement.on(TransactionPosted, EntryPosted, keys=lines_told)
def tell(line: StatementLine, event: Posted, envelope: Envelope) -> StatementLine:
    (entry,) = (entry for entry in event.told if line_key(event, entry) == line.key)
    line.account_id, line.account_version = entry.account_id, entry.account_version or 0
    line.transaction_id, line.external_id, line.kind = event.transaction_id, event.external_id, event.kind
    line.side, line.amount, line.currency = entry.side, Decimal(entry.amount), entry.currency
    line.balance_after = None if entry.balance_after is None else Decimal(entry.balance_after)
    line.effective_at, line.recorded_at = event.effective_at, event.recorded_at
    line.description = event.description
    return line


def _stamp(balance: Balance, version: int, envelope: Envelope) -> Balance:
    """The newest event in it, by time and then by place: the same one in whatever order the partitions came."""
    balance.version = max(balance.version, version)
    stamp = (envelope.recorded_at, envelope.partition, envelope.position)
    if not balance.position or stamp > (balance.recorded_at, *map(int, balance.position.split("-"))):
        balance.recorded_at, balance.position = stamp[0], f"{stamp[1]}-{stamp[2]}"
    return balance
