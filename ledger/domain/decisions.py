"""What follows from a command."""

from typing import assert_never

from ledger.commands import (
    CreditFunds,
    ExpireHold,
    LedgerCommand,
    OpenAccount,
    PlaceHold,
    PostHold,
    PostTransaction,
    ReverseTransaction,
    VoidHold,
    WithdrawFunds,
)
from ledger.domain.books import Books
from ledger.domain.holding import decide_ending, decide_placing
from ledger.domain.opening import decide_opening
from ledger.domain.posting import decide_posting
from ledger.domain.reversing import decide_reversing
from ledger.events import LedgerEvent


def decide(books: Books, command: LedgerCommand) -> list[LedgerEvent]:
    """What follows from a command. An empty list means it was already so. Raises Refused."""
    match command:
        case OpenAccount():
            return [*decide_opening(books, command)]
        case CreditFunds() | WithdrawFunds() | PostTransaction():
            return decide_posting(books, command)
        case PlaceHold():
            return decide_placing(books, command)
        case PostHold() | VoidHold() | ExpireHold():
            return decide_ending(books, command)
        case ReverseTransaction():
            return decide_reversing(books, command)
        case _:
            assert_never(command)
