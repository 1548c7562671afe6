"""The rules of posting: which accounts, whether it balances, whether it was recorded before, whether there is cover."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from eventstore.errors import Refused
from ledger.commands import Posting
from ledger.domain.accounts import AccountState, evolve_account
from ledger.domain.amounts import counter, minor_units
from ledger.domain.books import Books
from ledger.domain.chart import opens_itself
from ledger.domain.currencies import exponent_of
from ledger.domain.moves import Move, Wanted, kind_of, wanted_by
from ledger.domain.repeating import check_same
from ledger.events import AccountOpened, Entry, LedgerEvent, TransactionPosted

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=366)  #: how far in the future money may take effect


def decide_posting(books: Books, command: Posting) -> list[LedgerEvent]:
    """The transaction, after the system accounts that it opens. Nothing when it was recorded before. Raises Refused."""
    wanted = wanted_by(command)
    amounts = [minor_units(entry.amount) for entry in wanted]
    accounts, opened = find_accounts(books, wanted)
    moves = [Move(account=a, side=entry.side, amount=n) for a, entry, n in zip(accounts, wanted, amounts, strict=True)]
    check_currencies(wanted, moves)
    _check_sums(moves)
    check_each_once(moves)
    if recorded := books.recorded_as(command.external_id, command.transaction_id):
        check_same(recorded, command, moves)
        return []
    posted = TransactionPosted(
        transaction_id=command.transaction_id,
        external_id=command.external_id,
        kind=kind_of(command),
        effective_at=_effective(command.effective_at, books.at),
        recorded_at=books.at,
        entries=tuple(entry_of_move(move) for move in moves),
        description=command.description,
    )
    return [*opened, posted, *posted.echoes]


def find_accounts(books: Books, wanted: tuple[Wanted, ...]) -> tuple[list[AccountState], list[AccountOpened]]:
    """The accounts that are wanted, and those among them that open themselves now. Raises Refused."""
    found, opened = [], []
    for entry in wanted:
        account = books.find(entry.account)
        if account is None:
            event = opens_itself(entry.account) if isinstance(entry.account, str) else None
            if event is None:
                raise Refused(f"There is no account {entry.account}.", code="account_not_found", status=404, account=str(entry.account))
            account = evolve_account(AccountState(), event)
            opened.append(event)
        found.append(account)
    return found, opened


def check_currencies(wanted: tuple[Wanted, ...], moves: list[Move]) -> None:
    """Raises Refused when money of one currency would enter an account of another."""
    for entry, move in zip(wanted, moves, strict=True):
        exponent_of(entry.currency)
        if entry.currency != move.account.currency:
            raise invalid(
                f"Account {move.account.code} is in {move.account.currency}, not in {entry.currency}.",
                "currency_mismatch",
                account_id=str(move.account.account_id),
                currency=move.account.currency,
            )


def _check_sums(moves: list[Move]) -> None:
    sums: Counter[str] = Counter()
    for move in moves:
        sums[move.account.currency] += move.amount if move.side == "D" else -move.amount
    for currency, difference in sums.items():
        if difference:
            raise invalid(
                f"The entries do not balance: debits less credits are {difference} {currency}.",
                "unbalanced_entries",
                currency=currency,
                difference=str(difference),
            )


def check_each_once(moves: list[Move]) -> None:
    """Raises Refused when an account is named twice."""
    for code, times in Counter(move.account.code for move in moves).items():
        if times > 1:
            raise invalid(f"Account {code} is named {times} times; a transaction touches an account once.", "same_account")


def _effective(told: datetime | None, at: datetime) -> datetime:
    if told is None:
        return at
    if told < EARLIEST:
        raise invalid(f"effective_at is before {EARLIEST:%Y}.", "effective_too_early")
    if told > at + AHEAD:
        raise invalid(f"effective_at is more than {AHEAD.days} days ahead.", "effective_in_future")
    return told.astimezone(UTC)


def entry_of_move(move: Move) -> Entry:
    """The entry as it is recorded. Raises Refused when it would take a locked account below its floor."""
    before, amount = move.account, str(move.amount)
    plain = Entry(account_id=before.account_id, account_code=before.code, side=move.side, amount=amount, currency=before.currency)
    if not before.is_locked:
        return plain
    after = before.moved(move.side, move.amount)
    counter(max(after.debits_posted, after.credits_posted))
    check_cover(before, after, move)
    return replace(plain, account_version=before.version + 1, balance_after=str(after.posted))


def check_cover(before: AccountState, after: AccountState, move: Move) -> None:
    """Only what goes out needs cover: an account below its floor can always be paid up."""
    if move.side == before.normal_side or after.available is None or after.available >= 0:
        return
    raise invalid(
        f"available {before.available} {before.currency}, requested {move.amount} {before.currency}",
        "credit_limit_exceeded" if before.credit_limit else "insufficient_funds",
        account_id=str(before.account_id),
        available=str(before.available),
        requested=str(move.amount),
        currency=before.currency,
    )


def invalid(detail: str, code: str, **facts: str) -> Refused:
    """A wish that no state of the books could grant."""
    return Refused(detail, code=code, status=422, **facts)
