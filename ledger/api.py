"""The ledger over HTTP: bodies into commands, read tables into answers.

Next: ledger/handlers.py carries a command out.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from eventstore import moments
from eventstore.api import (
    Answer,
    ApiView,
    ListQuery,
    Page,
    PastQuery,
    Problem,
    Query,
    Question,
    Wish,
    accepts,
    paginate,
    read_moment,
    reads,
    unreadable,
)
from eventstore.errors import Refused
from eventstore.messages import Envelope, Value
from ledger.commands import CreditFunds, OpenAccount, PlaceHold, PostHold, ReverseTransaction, VoidHold, WithdrawFunds
from ledger.domain import AccountState, accounts, minor_units
from ledger.events import AccountKind, Amount, Balance, Limit, PostingMode, Side, TransactionKind, TransactionPosted
from ledger.handlers import HoldReceipt, Receipt, end_hold, open_account, place_hold, post, reverse
from ledger.models.write import Account, Hold, Transaction
from ledger.queries import (
    AsOf,
    Funds,
    ListedEntry,
    ListedHold,
    ShownBalance,
    find_balance,
    open_holds_of,
    show_line,
    show_open_hold,
    statement_of,
)


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
    as_of: AsOf | UnsetType = UNSET


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
    reverses_id: UUID | None
    hold_id: UUID | None


class PostedTransaction(Value):
    """A transaction, and what its accounts have now; accounts that keep no running balance are left out."""

    transaction: ShownTransaction
    balances: dict[str, Funds]


class ReversedTransaction(PostedTransaction):
    """A reversal, what its accounts have now, and what is left of the transaction that it takes back, by currency."""

    remaining: dict[str, Limit]


class ShownHold(ListedHold):
    """A hold, and how it ended."""

    state: Literal["pending", "posted", "voided", "expired"]
    ended_at: datetime | None
    posted_amount: Limit
    released_amount: Limit
    transaction_id: UUID | None
    reason: str | None


class ChangedHold(Value):
    """A hold, and what its accounts have now; accounts that keep no running balance are left out."""

    hold: ShownHold
    balances: dict[str, Funds]


class BalanceQuery(PastQuery):
    """How fresh: from the read table, or from the row that commands change; or as of when."""

    consistency: Literal["strong", "eventual"] = "eventual"


class EntriesPage(Page, frozen=True, kw_only=True):
    data: list[ListedEntry]
    pending: list[ListedHold]


class HoldsPage(Page, frozen=True, kw_only=True):
    data: list[ListedHold]


class AccountsView(ApiView):
    @accepts(OpenAccount, scope="ledger:write", answer=ShownAccount, status=201)
    def post(self, wish: Wish[OpenAccount]) -> Answer:
        """Open an account."""
        account, _ = open_account(wish.command)
        return Answer(body=show_account(account), status=201, version=account.version, location=f"/api/v1/ledger/accounts/{account.id}")


class AccountView(ApiView):
    @reads(PastQuery, scope="ledger:read", answer=ShownAccount)
    def get(self, question: Question[PastQuery], account_id: UUID) -> Answer:
        """Read what an account is, or was."""
        account = find_account(account_id)
        if (told := question.query.as_of) is not None:
            state, as_of = past_state(account, told)
            return Answer(body=show_state(state, as_of), version=state.version)
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
        """Read what an account has, or had."""
        if (told := question.query.as_of) is not None:
            balance = ShownBalance.of_account(*past_state(find_account(account_id), told))
        elif question.query.consistency == "strong":
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
        """Read the statement of an account, newest first, and with its first page what is pending, if that is not more than a page."""
        find_account(account_id)
        query = question.query
        page = paginate(statement_of(account_id), query, by="key", show=show_line)
        waiting = [] if query.cursor else [*open_holds_of(account_id).order_by("-hold_id")[: query.limit]]
        pending = [show_open_hold(hold) for hold in waiting]
        return Answer(body=EntriesPage(data=page.data, pending=pending, next_cursor=page.next_cursor, has_more=page.has_more))


class AccountHoldsView(ApiView):
    @reads(ListQuery, scope="ledger:read", projection="ledger.open_holds", answer=HoldsPage)
    def get(self, question: Question[ListQuery], account_id: UUID) -> Answer:
        """List what is pending in an account, out of it and into it, newest first."""
        find_account(account_id)
        return Answer(body=paginate(open_holds_of(account_id), question.query, by="hold_id", show=show_open_hold))


class TransactionView(ApiView):
    @reads(scope="ledger:read", answer=ShownTransaction)
    def get(self, question: Question[Query], transaction_id: UUID) -> Answer:
        """Read one transaction of the journal."""
        found = Transaction.objects.filter(pk=transaction_id).prefetch_related("entries__account").first()
        if found is None:
            raise Problem("transaction_not_found", f"There is no transaction {transaction_id}.", status=404)
        return Answer(body=show_transaction(found.posted))


class ReverseView(ApiView):
    @accepts(ReverseTransaction, scope="ledger:write", answer=ReversedTransaction, status=201)
    def post(self, wish: Wish[ReverseTransaction]) -> Answer:
        """Take a transaction back, what is left of it or a part of that."""
        if wish.command.amount is not None:
            check_amount(wish.command.amount)
        receipt = reverse(wish.command)
        told = show_posted(receipt)
        body = ReversedTransaction(transaction=told.transaction, balances=told.balances, remaining=receipt.remaining or {})
        return Answer(body=body, status=201, location=f"/api/v1/ledger/transactions/{receipt.transaction.transaction_id}")


class HoldsView(ApiView):
    @accepts(PlaceHold, scope="ledger:write", answer=ChangedHold, status=201)
    def post(self, wish: Wish[PlaceHold]) -> Answer:
        """Keep money ready to move: it is no longer available, and not yet gone."""
        check_amount(wish.command.amount)
        return show_hold_receipt(place_hold(wish.command), status=201)


class HoldView(ApiView):
    @reads(scope="ledger:read", answer=ShownHold)
    def get(self, question: Question[Query], hold_id: UUID) -> Answer:
        """Read one hold, as it is now."""
        found = Hold.objects.filter(pk=hold_id).select_related("debit_account", "credit_account").first()
        if found is None:
            raise Problem("hold_not_found", f"There is no hold {hold_id}.", status=404)
        return Answer(body=show_hold(found), version=found.version)


class PostHoldView(ApiView):
    @accepts(PostHold, scope="ledger:write", answer=ChangedHold)
    def post(self, wish: Wish[PostHold]) -> Answer:
        """Move held money, all of it or a part; the rest is released."""
        if wish.command.amount is not None:
            check_amount(wish.command.amount)
        return show_hold_receipt(end_hold(wish.command))


class VoidHoldView(ApiView):
    @accepts(VoidHold, scope="ledger:write", answer=ChangedHold)
    def post(self, wish: Wish[VoidHold]) -> Answer:
        """Release held money."""
        return show_hold_receipt(end_hold(wish.command))


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


def past_state(account: Account, told: str) -> tuple[AccountState, AsOf]:
    """An account as it was, and how sure that is. Raises Problem, Refused.

    By the ledger's own recorded_at, which all accounts of a transaction share: whatever the time, all balances sum to zero.
    """
    moment = read_moment(told)
    if account.posting_mode == "locked":
        then = moments.as_of(accounts, account.id, moment, recorded_at)
        facts = {name: getattr(then.as_of, name) for name in ("position", "recorded_at", "version", "final")}
        return then.state, AsOf(consistency="past", **facts)
    if moment.version is not None:
        raise unreadable(f"The account {account.code} is deferred: it keeps no versions. Ask for a time or a position.")
    at = moments.time_of(moment)
    final = moments.is_final(at)
    state = account.balance_until(at)
    if state.recorded_at is None:  # nothing was posted by then; was it open at all?
        moments.tell_until(account.stream, moments.Moment(at=at))
    return state, AsOf(consistency="past", position=None, recorded_at=state.recorded_at or at, version=state.version, final=final)


def recorded_at(envelope: Envelope) -> datetime:
    """The ledger's time of an event; the log's, where an event has none of its own."""
    return getattr(envelope.event, "recorded_at", None) or envelope.recorded_at


def not_here(account_id: UUID) -> Problem:
    return Problem("account_not_found", f"There is no account {account_id}, or its read table does not know it yet.", status=404)


def show_account(account: Account) -> ShownAccount:
    return show_state(account.state)


def show_state(state: AccountState, as_of: AsOf | UnsetType = UNSET) -> ShownAccount:
    told = {name: getattr(state, name) for name in ShownAccount.__struct_fields__ if name not in ("id", "credit_limit", "as_of")}
    limit = None if state.credit_limit is None else str(state.credit_limit)
    return ShownAccount(id=state.account_id, credit_limit=limit, as_of=as_of, **told)


def show_receipt(receipt: Receipt, account_id: UUID) -> Answer:
    """A transaction that a command has just posted, or that it repeats."""
    location = f"/api/v1/ledger/transactions/{receipt.transaction.transaction_id}"
    return Answer(body=show_posted(receipt), status=201, version=receipt.accounts[account_id].version, location=location)


def show_posted(receipt: Receipt) -> PostedTransaction:
    return PostedTransaction(transaction=show_transaction(receipt.transaction), balances=show_funds(receipt.accounts))


def show_funds(rows: dict[UUID, Account]) -> dict[str, Funds]:
    """What locked accounts have now."""
    states = [row.state for row in rows.values() if row.state.is_locked]
    return {state.code: Funds.of(state) for state in states}


def show_hold_receipt(receipt: HoldReceipt, status: int = 200) -> Answer:
    """A hold that a command has just placed or ended, or that it repeats."""
    hold = receipt.hold
    body = ChangedHold(hold=show_hold(hold), balances=show_funds(receipt.accounts))
    return Answer(body=body, status=status, version=hold.version, location=f"/api/v1/ledger/holds/{hold.pk}")


def show_hold(hold: Hold) -> ShownHold:
    own = ("id", "debit_account", "credit_account", "amount", "posted_amount", "released_amount")
    told: dict[str, Any] = {name: getattr(hold, name) for name in ShownHold.__struct_fields__ if name not in own}
    return ShownHold(
        id=hold.pk,
        debit_account=hold.debit_account.code,
        credit_account=hold.credit_account.code,
        amount=str(int(hold.amount)),
        posted_amount=str(int(hold.posted_amount)),
        released_amount=str(int(hold.released_amount)),
        **told,
    )


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
        reverses_id=posted.reverses_id,
        hold_id=posted.hold_id,
    )
