"""The ledger over HTTP: bodies into commands, read tables into answers.

Next: ledger/handlers.py carries a command out.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from eventstore.api import Answer, ApiView, ListQuery, Page, Problem, Query, Question, Wish, accepts, paginate, reads
from eventstore.errors import Refused
from eventstore.messages import Value
from ledger.commands import CreditFunds, OpenAccount, WithdrawFunds
from ledger.domain import minor_units
from ledger.events import AccountKind, Amount, Balance, Limit, PostingMode, Side, TransactionKind, TransactionPosted
from ledger.handlers import Receipt, open_account, post
from ledger.models.write import Account, Transaction
from ledger.queries import AsOf, Funds, ListedEntry, ShownBalance, find_balance, show_line, statement_of


class ShownAccount(Value):
    """An account: what it is, not what it has."""

    id: UUID
    version: int
    code: str
    currency: str
    exponent: int
    kind: AccountKind
    normal_side: Side
    contra: bool
    credit_limit: Limit | None
    posting_mode: PostingMode
    owner_ref: str | None


class ShownEntry(Value):
    """One debit or credit. A deferred account has no version and no running balance."""

    account: str
    account_id: UUID
    side: Side
    amount: Amount
    currency: str
    account_version: int | None
    balance_after: Balance | None


class ShownTransaction(Value):
    """One transaction of the journal."""

    id: UUID
    kind: TransactionKind
    state: Literal["posted"]
    external_id: str
    effective_at: datetime
    recorded_at: datetime
    entries: list[ShownEntry]
    description: str | None


class PostedTransaction(Value):
    """A transaction, and what its accounts have now; accounts that keep no running balance are left out."""

    transaction: ShownTransaction
    balances: dict[str, Funds]


class BalanceQuery(Query):
    """How fresh: from the read table, or from the row that commands change."""

    consistency: Literal["strong", "eventual"] = "eventual"


class EntriesPage(Page, frozen=True, kw_only=True):
    data: list[ListedEntry]


class AccountsView(ApiView):
    @accepts(OpenAccount, scope="ledger:write", answer=ShownAccount, status=201)
    def post(self, wish: Wish[OpenAccount]) -> Answer:
        """Open an account."""
        account, _ = open_account(wish.command)
        return Answer(body=show_account(account), status=201, version=account.version, location=f"/api/v1/ledger/accounts/{account.id}")


class AccountView(ApiView):
    @reads(scope="ledger:read", answer=ShownAccount)
    def get(self, question: Question[Query], account_id: UUID) -> Answer:
        """Read what an account is."""
        account = find_account(account_id)
        return Answer(body=show_account(account), version=account.version)


class CreditView(ApiView):
    @accepts(CreditFunds, scope="ledger:write", answer=PostedTransaction, status=201)
    def post(self, wish: Wish[CreditFunds]) -> Answer:
        """Put money into an account."""
        check_amount(wish.command.amount)
        return show_receipt(post(wish.command), wish.command.account_id)


class WithdrawView(ApiView):
    @accepts(WithdrawFunds, scope="ledger:write", answer=PostedTransaction, status=201)
    def post(self, wish: Wish[WithdrawFunds]) -> Answer:
        """Take money out of an account."""
        check_amount(wish.command.amount)
        return show_receipt(post(wish.command), wish.command.account_id)


class BalanceView(ApiView):
    @reads(BalanceQuery, scope="ledger:read", projection="ledger.balances", answer=ShownBalance)
    def get(self, question: Question[BalanceQuery], account_id: UUID) -> Answer:
        """Read what an account has."""
        if question.query.consistency == "strong":
            state = find_account(account_id).balance
            balance = ShownBalance.of_account(state, AsOf(consistency="strong", position=None, recorded_at=state.recorded_at))
        elif (found := find_balance(account_id)) is not None:
            balance = found
        else:
            raise not_here(account_id)
        return Answer(body=balance, version=balance.account_version)


class EntriesView(ApiView):
    @reads(ListQuery, scope="ledger:read", projection="ledger.statement", answer=EntriesPage)
    def get(self, question: Question[ListQuery], account_id: UUID) -> Answer:
        """Read the statement of an account, newest first."""
        find_account(account_id)
        return Answer(body=paginate(statement_of(account_id), question.query, by="key", show=show_line))


class TransactionView(ApiView):
    @reads(scope="ledger:read", answer=ShownTransaction)
    def get(self, question: Question[Query], transaction_id: UUID) -> Answer:
        """Read one transaction of the journal."""
        found = Transaction.objects.filter(pk=transaction_id).prefetch_related("entries__account").first()
        if found is None:
            raise Problem("transaction_not_found", f"There is no transaction {transaction_id}.", status=404)
        return Answer(body=show_transaction(found.posted))


def check_amount(told: str) -> None:
    """A wrong amount is a wrong body, not a refusal: nothing is kept under the key, which may be used again."""
    try:
        minor_units(told)
    except Refused as wrong:
        mistake = {"pointer": "#/amount", "detail": str(wrong), "code": wrong.code}
        raise Problem(wrong.code, str(wrong), status=wrong.status, errors=[mistake]) from wrong


def find_account(account_id: UUID) -> Account:
    """The row that commands change. Raises Problem (404)."""
    account = Account.objects.filter(pk=account_id).first()
    if account is None:
        raise not_here(account_id)
    return account


def not_here(account_id: UUID) -> Problem:
    return Problem("account_not_found", f"There is no account {account_id}, or its read table does not know it yet.", status=404)


def show_account(account: Account) -> ShownAccount:
    state = account.state
    told = {name: getattr(state, name) for name in ShownAccount.__struct_fields__ if name not in ("id", "credit_limit")}
    return ShownAccount(id=account.id, credit_limit=None if state.credit_limit is None else str(state.credit_limit), **told)


def show_receipt(receipt: Receipt, account_id: UUID) -> Answer:
    """A transaction that a command has just posted, or that it repeats."""
    states = [row.state for row in receipt.accounts.values() if row.state.is_locked]
    body = PostedTransaction(
        transaction=show_transaction(receipt.transaction),
        balances={state.code: Funds.of(state) for state in states},
    )
    location = f"/api/v1/ledger/transactions/{receipt.transaction.transaction_id}"
    return Answer(body=body, status=201, version=receipt.accounts[account_id].version, location=location)


def show_transaction(posted: TransactionPosted) -> ShownTransaction:
    return ShownTransaction(
        id=posted.transaction_id,
        kind=posted.kind,
        state="posted",
        external_id=posted.external_id,
        effective_at=posted.effective_at,
        recorded_at=posted.recorded_at,
        entries=[
            ShownEntry(
                account=entry.account_code,
                account_id=entry.account_id,
                side=entry.side,
                amount=entry.amount,
                currency=entry.currency,
                account_version=entry.account_version,
                balance_after=entry.balance_after,
            )
            for entry in posted.entries
        ],
        description=posted.description,
    )
