"""How the read tables follow from events."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from eventstore.messages import Envelope
from eventstore.projections import Projection
from ledger.events import (
    AccountOpened,
    Entry,
    EntryHeld,
    EntryPosted,
    EntryReleased,
    HoldExpired,
    HoldPlaced,
    HoldPosted,
    HoldVoided,
    TransactionPosted,
)
from ledger.models.read import Balance, OpenHold, StatementLine

Posted = TransactionPosted | EntryPosted
Pending = HoldPlaced | EntryHeld
Released = HoldVoided | HoldExpired | EntryReleased


def accounts_told(event: Posted | Pending | Released, envelope: Envelope) -> Iterable[UUID]:
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

open_holds = Projection("ledger.open_holds", rows=OpenHold, key=lambda event, envelope: event.hold_id)


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
    entry = _own(balance, event)
    _count(balance, "posted", entry, int(entry.amount))
    _count(balance, "pending", entry, -int(event.unheld or 0))
    return _stamp(balance, entry.account_version or 0, envelope)


@balances.on(HoldPlaced, EntryHeld, keys=accounts_told)
def keep(balance: Balance, event: Pending, envelope: Envelope) -> Balance:
    entry = _own(balance, event)
    _count(balance, "pending", entry, int(entry.amount))
    return _stamp(balance, entry.account_version or 0, envelope)


@balances.on(HoldVoided, HoldExpired, EntryReleased, keys=accounts_told)
def release(balance: Balance, event: Released, envelope: Envelope) -> Balance:
    entry = _own(balance, event)
    _count(balance, "pending", entry, -int(entry.amount))
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


@open_holds.on(HoldPlaced)
def show_hold(hold: OpenHold, event: HoldPlaced, envelope: Envelope) -> OpenHold:
    hold.external_id, hold.purpose = event.external_id, event.purpose
    hold.debit_account_id, hold.credit_account_id = event.debit_account_id, event.credit_account_id
    hold.debit_account, hold.credit_account = (entry.account_code for entry in event.entries)
    hold.amount, hold.currency = Decimal(event.amount), event.currency
    hold.placed_at, hold.expires_at = event.recorded_at, event.expires_at
    return hold


@open_holds.on(HoldPosted, HoldVoided, HoldExpired)
def forget_hold(hold: OpenHold, event: HoldPosted | HoldVoided | HoldExpired, envelope: Envelope) -> None:
    """What has ended is no longer kept ready."""


def _own(balance: Balance, event: Posted | Pending | Released) -> Entry:
    (entry,) = (entry for entry in event.told if entry.account_id == balance.account_id)
    balance.code, balance.currency = entry.account_code, entry.currency
    return entry


def _count(balance: Balance, what: str, entry: Entry, amount: int) -> None:
    counter = f"debits_{what}" if entry.side == "D" else f"credits_{what}"
    setattr(balance, counter, int(getattr(balance, counter)) + amount)  # not Decimal: that rounds to 28 digits


def _stamp(balance: Balance, version: int, envelope: Envelope) -> Balance:
    """The newest event in it, by time and then by place: the same one in whatever order the partitions came."""
    balance.version = max(balance.version, version)
    stamp = (envelope.recorded_at, envelope.partition, envelope.position)
    if not balance.position or stamp > (balance.recorded_at, *map(int, balance.position.split("-"))):
        balance.recorded_at, balance.position = stamp[0], f"{stamp[1]}-{stamp[2]}"
    return balance
