"""What people want of the ledger."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from eventstore.clock import new_id
from eventstore.messages import Command, Value, command
from ledger.events import AccountKind, Limit, PostingMode, Side, TransactionKind

Code = Annotated[
    str, Meta(pattern=r"^[a-z]+(:[A-Za-z0-9._-]+)+\Z", max_length=120, description="Such as customer:C42:JPY or bank:main:JPY.")
]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217 code.")]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
#: Any text here: what is wrong with an amount is told by a code of its own, see domain/amounts.py.
Amount = Annotated[str, Meta(max_length=1000, description="Minor units as a decimal string of 1 to 30 digits: 1999 is 19.99.")]
Moment = Annotated[datetime, Meta(tz=True)]


@command("ledger.open_account")
class OpenAccount(Command):
    """Keep money here. Kind, side and posting mode follow from the code where they are left out.

    Without a code it is a customer's account, customer:<account_id>:<currency>, that may not go below zero.
    `credit_limit` says how far below zero it may go; null means that there is no floor.
    """

    currency: Currency
    account_id: UUID = field(default_factory=new_id)
    code: Code | None = None
    kind: AccountKind | None = None
    normal_side: Side | None = None
    credit_limit: Limit | UnsetType | None = UNSET
    posting_mode: PostingMode | None = None
    owner_ref: Text | None = None


@command("ledger.credit_funds")
class CreditFunds(Command):
    """Put money into an account; it comes from `counterparty`. `external_id` makes a repetition the same transaction, for ever."""

    account_id: UUID
    amount: Amount
    currency: Currency
    counterparty: Code
    external_id: Text
    transaction_id: UUID = field(default_factory=new_id)
    effective_at: Moment | None = None
    description: Text | None = None


@command("ledger.withdraw_funds")
class WithdrawFunds(Command):
    """Take money out of an account; it goes to `counterparty`. `external_id` makes a repetition the same transaction, for ever."""

    account_id: UUID
    amount: Amount
    currency: Currency
    counterparty: Code
    external_id: Text
    transaction_id: UUID = field(default_factory=new_id)
    effective_at: Moment | None = None
    description: Text | None = None


class Leg(Value):
    """One side of a transaction to be posted."""

    account: Code
    side: Side
    amount: Amount
    currency: Currency


@command("ledger.post_transaction")
class PostTransaction(Command):
    """Move money between any accounts, in entries that sum to zero per currency."""

    kind: TransactionKind
    entries: Annotated[tuple[Leg, ...], Meta(min_length=1, max_length=100)]
    external_id: Text
    transaction_id: UUID = field(default_factory=new_id)
    effective_at: Moment | None = None
    description: Text | None = None


Posting = CreditFunds | WithdrawFunds | PostTransaction
LedgerCommand = OpenAccount | Posting
