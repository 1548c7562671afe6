"""What a posting comes to: entries as they are asked for, whatever the command."""

from typing import assert_never
from uuid import UUID

from eventstore.messages import Value
from ledger.commands import CreditFunds, Posting, PostTransaction, WithdrawFunds
from ledger.domain.accounts import AccountState
from ledger.events import Side, TransactionKind


class Wanted(Value):
    """One entry as the command asks for it."""

    account: UUID | str
    side: Side
    amount: str
    currency: str


class Move(Value):
    """One entry with its account found and its amount read."""

    account: AccountState
    side: Side
    amount: int


def kind_of(command: Posting) -> TransactionKind:
    """What kind of transaction a command makes."""
    match command:
        case CreditFunds():
            return "credit"
        case WithdrawFunds():
            return "withdrawal"
        case PostTransaction():
            return command.kind
        case _:
            assert_never(command)


def wanted_by(command: Posting) -> tuple[Wanted, ...]:
    """The entries that a command asks for."""
    match command:
        case CreditFunds():
            return _both(command, "C", "D")
        case WithdrawFunds():
            return _both(command, "D", "C")
        case PostTransaction():
            return tuple(Wanted(account=leg.account, side=leg.side, amount=leg.amount, currency=leg.currency) for leg in command.entries)
        case _:
            assert_never(command)


def referred(told: str) -> UUID | str:
    """An account as it is referred to: by its id or by its code, which has colons."""
    return told if ":" in told else UUID(told)


def _both(command: CreditFunds | WithdrawFunds, own: Side, other: Side) -> tuple[Wanted, Wanted]:
    return (
        Wanted(account=command.account_id, side=own, amount=command.amount, currency=command.currency),
        Wanted(account=command.counterparty, side=other, amount=command.amount, currency=command.currency),
    )
