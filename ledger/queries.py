"""Questions the outside may ask about money, and the shape of the answers."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from django.db.models import Q, QuerySet
from msgspec import UNSET, UnsetType

from eventstore.messages import Value
from ledger.events import Amount, Balance, Limit, Purpose, Side, TransactionKind
from ledger.models import read


class AsOf(Value):
    """Up to which event of the account an answer counts. `strong` is as of now, `past` as of the moment that was asked for.

    `final` says of the past that it will be the same for ever; a transaction that runs may still add to a time.
    """

    consistency: Literal["strong", "eventual", "past"]
    position: str | None
    recorded_at: datetime | None
    version: int | UnsetType = UNSET
    final: bool | UnsetType = UNSET


class Funds(Value):
    """What an account has, in minor units. `available` null means that there is no floor."""

    posted: Balance
    pending_out: Balance
    pending_in: Balance
    credit_limit: Limit | None
    available: Balance | None

    @classmethod
    def of(cls, counted: Any) -> Self:
        """From whatever has these figures: a read row or the state of an account."""
        return cls(**_figures(counted))


class ShownBalance(Funds):
    """The balance of one account, and as of when."""

    account_id: UUID
    code: str
    currency: str
    exponent: int
    account_version: int
    as_of: AsOf

    @classmethod
    def of_account(cls, counted: Any, as_of: AsOf) -> Self:
        """From whatever has these figures: a read row or the state of an account."""
        told = {name: getattr(counted, name) for name in ("account_id", "code", "currency", "exponent")}
        return cls(**told, **_figures(counted), account_version=counted.version, as_of=as_of)


class ListedEntry(Value):
    """One line of an account's statement. A deferred account has no versions and no running balance."""

    transaction_id: UUID
    external_id: str
    kind: TransactionKind
    side: Side
    amount: Amount
    currency: str
    account_version: int | None
    balance_after: Balance | None
    effective_at: datetime
    recorded_at: datetime
    description: str | None


class ListedHold(Value):
    """Money that is kept ready to move: pending out of one account and into another."""

    id: UUID
    external_id: str
    purpose: Purpose
    debit_account: str
    debit_account_id: UUID
    credit_account: str
    credit_account_id: UUID
    amount: Amount
    currency: str
    placed_at: datetime
    expires_at: datetime | None


def find_balance(account_id: UUID) -> ShownBalance | None:
    """The balance as its read table has it; None while that has not seen the account being opened."""
    row = read.Balance.objects.filter(pk=account_id).exclude(normal_side="").first()
    if row is None:
        return None
    return ShownBalance.of_account(row, AsOf(consistency="eventual", position=row.position, recorded_at=row.recorded_at))


def statement_of(account_id: UUID) -> QuerySet[read.StatementLine]:
    """The lines of one account."""
    return read.StatementLine.objects.filter(account_id=account_id)


def show_line(row: read.StatementLine) -> ListedEntry:
    """A line of the statement as clients see it."""
    told = {name: getattr(row, name) for name in ListedEntry.__struct_fields__}
    told |= {"amount": _text(row.amount), "balance_after": _text(row.balance_after), "account_version": row.account_version or None}
    return ListedEntry(**told)


def open_holds_of(account_id: UUID) -> QuerySet[read.OpenHold]:
    """What is pending in one account, on either side."""
    return read.OpenHold.objects.filter(Q(debit_account_id=account_id) | Q(credit_account_id=account_id))


def show_open_hold(row: read.OpenHold) -> ListedHold:
    """An open hold as clients see it."""
    told = {name: getattr(row, name) for name in ListedHold.__struct_fields__ if name not in ("id", "amount")}
    return ListedHold(id=row.hold_id, amount=str(int(row.amount)), **told)


def _figures(counted: Any) -> dict[str, Any]:
    return {name: _text(getattr(counted, name)) for name in Funds.__struct_fields__}


def _text(figure: Any) -> str | None:
    return None if figure is None else str(int(figure))
