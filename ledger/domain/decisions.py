"""What follows from a command."""

from typing import assert_never

from ledger.commands import CreditFunds, LedgerCommand, OpenAccount, PostTransaction, WithdrawFunds
from ledger.domain.books import Books
from ledger.domain.opening import decide_opening
from ledger.domain.posting import decide_posting
from ledger.events import LedgerEvent


def decide(books: Books, command: LedgerCommand) -> list[LedgerEvent]:
    """What follows from a command. An empty list means it was already so. Raises Refused."""
    match command:
        case OpenAccount():
            return [*decide_opening(books, command)]
        case CreditFunds() | WithdrawFunds() | PostTransaction():
            return decide_posting(books, command)
        case _:
            assert_never(command)
