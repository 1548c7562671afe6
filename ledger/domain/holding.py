"""The rules of holds: place, post, void, expire. Held money is not available to anybody else, and ends in one way only."""

from datetime import timedelta
from typing import assert_never
from uuid import UUID

from msgspec.structs import replace

from eventstore.errors import Refused
from ledger.commands import Ending, ExpireHold, PlaceHold, PostHold, VoidHold
from ledger.domain.accounts import AccountState
from ledger.domain.amounts import counter, minor_units
from ledger.domain.books import Books
from ledger.domain.holds import HoldState
from ledger.domain.moves import Move, Wanted, referred
from ledger.domain.posting import check_cover, check_currencies, check_each_once, find_accounts, invalid
from ledger.events import Entry, HoldExpired, HoldPlaced, HoldPosted, HoldVoided, LedgerEvent, Side, TransactionPosted


def decide_placing(books: Books, command: PlaceHold) -> list[LedgerEvent]:
    """The hold, after the system accounts that it opens. Nothing when it was placed before. Raises Refused."""
    wanted = (
        Wanted(account=referred(command.debit_account), side="D", amount=command.amount, currency=command.currency),
        Wanted(account=referred(command.credit_account), side="C", amount=command.amount, currency=command.currency),
    )
    amount = minor_units(command.amount)
    accounts, opened = find_accounts(books, wanted)
    moves = [Move(account=account, side=entry.side, amount=amount) for account, entry in zip(accounts, wanted, strict=True)]
    check_currencies(wanted, moves)
    check_each_once(moves)
    debit, credit = (account.account_id for account in accounts)
    if held := books.held_as(command.external_id, command.hold_id):
        _check_same(held, command, debit, credit)
        return []
    placed = HoldPlaced(
        hold_id=command.hold_id,
        external_id=command.external_id,
        purpose=command.purpose,
        debit_account_id=debit,
        credit_account_id=credit,
        amount=str(amount),
        currency=command.currency,
        expires_at=books.at + timedelta(seconds=command.ttl_seconds) if command.ttl_seconds else None,
        recorded_at=books.at,
        entries=tuple(_held(move) for move in moves),
    )
    return [*opened, placed, *placed.echoes]


def decide_ending(books: Books, command: Ending) -> list[LedgerEvent]:
    """How the hold ends. Nothing when it ended so before. Raises Refused."""
    hold = books.hold(command.hold_id)
    if hold is None:
        raise Refused(f"There is no hold {command.hold_id}.", code="hold_not_found", status=404, hold_id=str(command.hold_id))
    match command:
        case PostHold():
            return _post(books, hold, command)
        case VoidHold():
            return _void(books, hold, command)
        case ExpireHold():
            return _expire(books, hold)
        case _:
            assert_never(command)


def _post(books: Books, hold: HoldState, command: PostHold) -> list[LedgerEvent]:
    amount = hold.amount if command.amount is None else minor_units(command.amount)
    if hold.state == "posted" and hold.posted_amount == amount:
        return []
    _must_be_pending(hold)
    if hold.is_over(books.at):
        raise _expired(hold)
    if amount > hold.amount:
        raise invalid(
            f"Hold {hold.hold_id} keeps {hold.amount} {hold.currency}, not {amount}.",
            "exceeds_hold",
            held=str(hold.amount),
            requested=str(amount),
            currency=hold.currency,
        )
    external_id = f"hold:{hold.hold_id}"
    if taken := books.recorded_as(external_id, command.transaction_id):
        raise Refused(
            f"Transaction {taken.transaction_id} was posted as {taken.external_id} and is another one.",
            code="external_id_conflict",
            field="transaction_id",
            transaction_id=str(taken.transaction_id),
        )
    posted = TransactionPosted(
        transaction_id=command.transaction_id,
        external_id=external_id,
        kind="transfer",
        effective_at=books.at,
        recorded_at=books.at,
        entries=tuple(_posted(hold, account, side, amount) for account, side in _sides(books, hold)),
        hold_id=hold.hold_id,
        unheld=str(hold.amount),
    )
    told = HoldPosted(
        hold_id=hold.hold_id,
        external_id=hold.external_id,
        transaction_id=command.transaction_id,
        posted_amount=str(amount),
        released_amount=str(hold.amount - amount),
        currency=hold.currency,
        recorded_at=books.at,
    )
    return [posted, *posted.echoes, told]


def _void(books: Books, hold: HoldState, command: VoidHold) -> list[LedgerEvent]:
    if hold.state in ("voided", "expired"):  # the money is free already, which is what was wanted
        return []
    _must_be_pending(hold)
    voided = HoldVoided(
        hold_id=hold.hold_id,
        external_id=hold.external_id,
        released_amount=str(hold.amount),
        currency=hold.currency,
        reason=command.reason,
        recorded_at=books.at,
        entries=_released(books, hold),
    )
    return [voided, *voided.echoes]


def _expire(books: Books, hold: HoldState) -> list[LedgerEvent]:
    if hold.state != "pending":
        return []
    if not hold.is_over(books.at):
        until = f"until {hold.expires_at:%Y-%m-%d %H:%M:%S} UTC" if hold.expires_at else "for ever"
        raise Refused(f"Hold {hold.hold_id} is not due: it waits {until}.", code="hold_not_due", hold_id=str(hold.hold_id))
    expired = HoldExpired(
        hold_id=hold.hold_id,
        external_id=hold.external_id,
        released_amount=str(hold.amount),
        currency=hold.currency,
        recorded_at=books.at,
        entries=_released(books, hold),
    )
    return [expired, *expired.echoes]


def _must_be_pending(hold: HoldState) -> None:
    if hold.state == "posted":
        raise Refused(
            f"Hold {hold.hold_id} was posted with {hold.posted_amount} {hold.currency}; reverse its transaction instead.",
            code="hold_already_posted",
            hold_id=str(hold.hold_id),
            transaction_id=str(hold.transaction_id),
        )
    if hold.state == "voided":
        raise Refused(f"Hold {hold.hold_id} was voided; place a new one.", code="hold_already_voided", hold_id=str(hold.hold_id))
    if hold.state == "expired":
        raise _expired(hold)


def _expired(hold: HoldState) -> Refused:
    detail = f"Hold {hold.hold_id} expired at {hold.expires_at:%Y-%m-%d %H:%M:%S} UTC; place a new one."
    return Refused(detail, code="hold_expired", hold_id=str(hold.hold_id))


def _check_same(held: HoldState, command: PlaceHold, debit: UUID, credit: UUID) -> None:
    ttl = held.expires_at - held.placed_at if held.expires_at and held.placed_at else None
    then = (held.external_id, held.debit_account_id, held.credit_account_id, held.amount, held.currency, held.purpose, ttl)
    wanted = timedelta(seconds=command.ttl_seconds) if command.ttl_seconds else None
    now = (command.external_id, debit, credit, minor_units(command.amount), command.currency, command.purpose, wanted)
    names = ("external_id", "debit_account", "credit_account", "amount", "currency", "purpose", "ttl_seconds")
    for name, before, asked in zip(names, then, now, strict=True):
        if before != asked:
            raise Refused(
                f"Hold {held.hold_id} was placed as {held.external_id} with another {name}.",
                code="external_id_conflict",
                field=name,
                hold_id=str(held.hold_id),
            )


def _sides(books: Books, hold: HoldState) -> tuple[tuple[AccountState, Side], tuple[AccountState, Side]]:
    return (books.accounts[hold.debit_account_id], "D"), (books.accounts[hold.credit_account_id], "C")


def _held(move: Move) -> Entry:
    """The side of one account. Raises Refused when it has not so much available."""
    before = move.account
    if before.is_locked:
        after = before.held(move.side, move.amount)
        counter(max(after.debits_posted + after.debits_pending, after.credits_posted + after.credits_pending))
        check_cover(before, after, move)
    return _entry(before, move.side, move.amount)


def _posted(hold: HoldState, before: AccountState, side: Side, amount: int) -> Entry:
    """No cover is asked for: not more goes out than was pending."""
    after = before.moved(side, amount)
    counter(max(after.debits_posted, after.credits_posted))
    entry = _entry(before, side, amount)
    return replace(entry, balance_after=str(after.posted)) if before.is_locked else entry


def _released(books: Books, hold: HoldState) -> tuple[Entry, ...]:
    return tuple(_entry(account, side, hold.amount) for account, side in _sides(books, hold))


def _entry(before: AccountState, side: Side, amount: int) -> Entry:
    entry = Entry(account_id=before.account_id, account_code=before.code, side=side, amount=str(amount), currency=before.currency)
    return replace(entry, account_version=before.version + 1, balance_after=str(before.posted)) if before.is_locked else entry
