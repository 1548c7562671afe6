"""The rules of opening an account."""

from msgspec import UNSET

from eventstore.errors import Refused
from ledger.commands import OpenAccount
from ledger.domain.books import Books
from ledger.domain.chart import DEBIT_KINDS, Pattern, is_contra, pattern_of
from ledger.domain.currencies import exponent_of
from ledger.events import AccountOpened

#: What must be equal when an account is opened again; the first that differs is named.
CONTENT = ("code", "currency", "kind", "normal_side", "credit_limit", "posting_mode", "owner_ref")


def decide_opening(books: Books, command: OpenAccount) -> list[AccountOpened]:
    """The account is opened; when it is open and the same, nothing happens. Raises Refused."""
    opened = _complete(command)
    known = books.find(opened.code) or books.find(opened.account_id)
    if known is None:
        return [opened]
    for name in CONTENT:
        is_now, wanted = _text(getattr(known, name)), _text(getattr(opened, name))
        if is_now != wanted:
            raise Refused(
                f"Account {known.code} is open already, and its {name} is {is_now}, not {wanted}.",
                code="account_exists",
                account_id=str(known.account_id),
                field=name,
            )
    return []


def _complete(command: OpenAccount) -> AccountOpened:
    """What the command says, and where it is silent what the chart says."""
    exponent = exponent_of(command.currency)
    code = command.code or f"customer:{command.account_id}:{command.currency}"
    pattern, currency = pattern_of(code) or (None, command.currency)
    if currency != command.currency:
        raise _invalid(f"The code {code} is one for {currency}, and the account is to be in {command.currency}.", "currency_mismatch")
    kind = command.kind or (pattern.kind if pattern else None)
    if kind is None:
        raise _invalid(f"The chart of accounts has no line for {code}; say which kind of account it is.", "kind_missing")
    as_in_chart = pattern.normal_side if pattern and pattern.kind == kind else None
    normal_side = command.normal_side or as_in_chart or ("D" if kind in DEBIT_KINDS else "C")
    posting_mode = command.posting_mode or (pattern.posting_mode if pattern else "locked")
    return AccountOpened(
        account_id=command.account_id,
        code=code,
        currency=command.currency,
        exponent=exponent,
        kind=kind,
        normal_side=normal_side,
        contra=is_contra(kind, normal_side),
        credit_limit=_limit(command, pattern, deferred=posting_mode == "deferred"),
        posting_mode=posting_mode,
        owner_ref=command.owner_ref,
    )


def _limit(command: OpenAccount, pattern: Pattern | None, *, deferred: bool) -> str | None:
    if deferred and isinstance(command.credit_limit, str):
        raise _invalid("A deferred account is never locked, so it can have no floor; leave credit_limit out.", "limit_on_deferred")
    if command.credit_limit is not UNSET:
        return command.credit_limit
    return pattern.credit_limit if pattern and not deferred else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _invalid(detail: str, code: str) -> Refused:
    return Refused(detail, code=code, status=422)
