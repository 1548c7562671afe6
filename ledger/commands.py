"""What people want of the ledger."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from eventstore.clock import new_id
from eventstore.messages import Command, Moment, Value, command
from ledger.events import AccountKind, Currency, Effective, Limit, PostingMode, Purpose, ReversalCode, Side, TransactionKind

Code = Annotated[
    str, Meta(pattern=r"^[a-z]+(:[A-Za-z0-9._-]+)+\Z", max_length=120, description="Such as customer:C42:JPY or bank:main:JPY.")
]
AccountRef = Annotated[
    str,
    Meta(
        pattern=r"^([a-z]+(:[A-Za-z0-9._-]+)+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z",
        max_length=120,
        description="An account by its code or its id.",
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
#: Any text here: what is wrong with an amount is told by a code of its own, see domain/amounts.py.
Amount = Annotated[str, Meta(max_length=1000, description="Minor units as a decimal string of 1 to 30 digits: 1999 is 19.99.")]


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


@command("ledger.place_hold")
class PlaceHold(Command):
    """Keep money ready to move from one account to another: it is no longer available, and not yet gone.

    `external_id` makes a repetition the same hold, for ever. After `ttl_seconds` the hold expires; without, it waits for ever.
    """

    debit_account: AccountRef
    credit_account: AccountRef
    amount: Amount
    currency: Currency
    external_id: Text
    purpose: Purpose
    hold_id: UUID = field(default_factory=new_id)
    ttl_seconds: Annotated[int, Meta(ge=1, le=366 * 86400)] | None = None


@command("ledger.post_hold")
class PostHold(Command):
    """Move held money, all of it or `amount`; the rest is released."""

    hold_id: UUID
    amount: Amount | None = None
    transaction_id: UUID = field(default_factory=new_id)


@command("ledger.void_hold")
class VoidHold(Command):
    """Release held money."""

    hold_id: UUID
    reason: Text


@command("ledger.expire_hold")
class ExpireHold(Command):
    """Release the money of a hold whose time is over. The system says this, nobody else."""

    hold_id: UUID


@command("ledger.reverse_transaction")
class ReverseTransaction(Command):
    """Take a transaction back by one with its sides swapped: what is left of it or, of two entries, a part of that.

    `external_id` makes a repetition the same reversal, for ever.
    """

    transaction_id: UUID
    reason_code: ReversalCode
    reason: Text
    amount: Amount | None = None
    effective: Effective = "now"
    external_id: Text | None = None
    reversal_id: UUID = field(default_factory=new_id)


Ending = PostHold | VoidHold | ExpireHold
Holding = PlaceHold | Ending
Posting = CreditFunds | WithdrawFunds | PostTransaction
LedgerCommand = OpenAccount | Posting | Holding | ReverseTransaction
