"""The cast of the ledger's tests: two customers, a bank, and what they do."""

from itertools import count
from typing import Any
from uuid import UUID

from eventstore.clock import new_id
from ledger.commands import CreditFunds, OpenAccount, PlaceHold, WithdrawFunds
from ledger.handlers import Receipt, open_account, place_hold, post
from ledger.models import Account, Hold, Transaction

ADA, BOB = UUID(int=1), UUID(int=2)
BANK = "bank:main:JPY"

_numbers = count(1)


def open_customer(currency: str = "JPY", **more: Any) -> Account:
    """A customer's account that nobody has used."""
    return open_account(OpenAccount(currency=currency, **more))[0]


def credit(account: Account, amount: int | str, **more: Any) -> Transaction:
    return _row(post(CreditFunds(account_id=account.id, **_told(account, amount, more))))


def withdraw(account: Account, amount: int | str, **more: Any) -> Transaction:
    return _row(post(WithdrawFunds(account_id=account.id, **_told(account, amount, more))))


def _row(receipt: Receipt) -> Transaction:
    return Transaction.objects.get(pk=receipt.transaction.transaction_id)


def _told(account: Account, amount: int | str, more: dict[str, Any]) -> dict[str, Any]:
    bank = f"bank:main:{account.currency}"
    external_id = f"test-{next(_numbers)}-{new_id()}"
    return {"amount": str(amount), "currency": account.currency, "counterparty": bank, "external_id": external_id} | more


def posted(account: Account) -> int:
    """The balance in the write row."""
    return Account.objects.get(pk=account.pk).balance.posted


def hold(account: Account, amount: int | str, **more: Any) -> Hold:
    """Money of a customer kept ready for what was not delivered yet."""
    told = {"debit_account": account.code, "credit_account": f"unearned:{account.currency}", "amount": str(amount)}
    told |= {"currency": account.currency, "external_id": f"test-{next(_numbers)}-{new_id()}", "purpose": "order_payment"}
    return place_hold(PlaceHold(**told | more)).hold
