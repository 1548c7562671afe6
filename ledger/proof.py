"""Every figure of the ledger proved: against its entries, against zero, and against the log."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import Q, Sum

from eventstore.log import read_everything
from eventstore.messages import Envelope, Value, aggregate_of
from ledger.domain import AccountState, HoldState, accounts, holds
from ledger.events import AccountOpened, EntryHeld, EntryPosted, EntryReleased, TransactionPosted
from ledger.models.write import Account, Entry, Hold, Transaction

BATCH = 500
OF_ACCOUNTS = AccountOpened | TransactionPosted | EntryPosted | EntryHeld | EntryReleased


class Finding(Value):
    """One field that is not what it must be."""

    table: str
    key: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.field} is {self.found}, expected {self.expected}"


def prove() -> Iterator[Finding]:
    """Everything that does not agree, in one snapshot, so that a busy ledger is proved while it works."""
    with _one_snapshot():
        yield from _sums_are_zero()
        yield from _counters_are_sums()
        states: dict[str, AccountState] = {}
        held: dict[str, HoldState] = {}
        recorded: set[UUID] = set()
        for page in _pages():
            yield from _fold(page, states)
            _fold_holds(page, held)
            yield from _transactions_equal([envelope.event for envelope in page], recorded)
        yield from _all_were_recorded(recorded)
        yield from _accounts_equal(states)
        yield from _holds_equal(held)


@contextmanager
def _one_snapshot() -> Iterator[None]:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _sums_are_zero() -> Iterator[Finding]:
    currencies: Any = Entry.objects.values("currency").annotate(**_sums("amount", "side"))
    for row in currencies:
        yield from _compare("ledger_entry", row["currency"], "credits", int(row["debits"] or 0), int(row["credits"] or 0))


def _counters_are_sums() -> Iterator[Finding]:
    locked: Any = Account.objects.filter(posting_mode="locked").annotate(**_sums("entries__amount", "entries__side"))
    for account in locked.iterator(BATCH):
        yield from _compare("ledger_account", account.code, "debits_posted", int(account.debits or 0), int(account.debits_posted))
        yield from _compare("ledger_account", account.code, "credits_posted", int(account.credits or 0), int(account.credits_posted))
    for pending, via in (("debits_pending", "holds_out_of"), ("credits_pending", "holds_into")):
        sums: Any = Sum(f"{via}__amount", filter=Q(**{f"{via}__state": "pending"}))
        for account in Account.objects.filter(posting_mode="locked").annotate(held=sums).iterator(BATCH):
            yield from _compare("ledger_account", account.code, pending, int(account.held or 0), int(getattr(account, pending)))


def _sums(amount: str, side: str) -> dict[str, Sum]:
    return {"debits": Sum(amount, filter=Q(**{side: "D"})), "credits": Sum(amount, filter=Q(**{side: "C"}))}


def _pages() -> Iterator[Sequence[Envelope]]:
    """The ledger's events, each stream in its order."""
    page: list[Envelope] = []
    for envelope in read_everything(BATCH):
        if envelope.name.startswith("ledger."):
            page.append(envelope)
        if len(page) == BATCH:
            yield page
            page = []
    yield page


def _fold(page: Sequence[Envelope], states: dict[str, AccountState]) -> Iterator[Finding]:
    """Take the accounts on by a page of events, and hold each running balance against them."""
    for envelope in page:
        event = envelope.event
        if aggregate_of(envelope.stream) is not accounts or not isinstance(event, OF_ACCOUNTS):
            continue
        states[envelope.stream] = state = accounts.fold([event], states.get(envelope.stream))
        if not isinstance(event, AccountOpened) and event.home is not None:
            yield from _compare("eventstore_event", str(envelope.id), "balance_after", state.posted, event.home.balance_after)


def _fold_holds(page: Sequence[Envelope], held: dict[str, HoldState]) -> None:
    for envelope in page:
        if aggregate_of(envelope.stream) is holds:
            held[envelope.stream] = holds.fold([envelope.event], held.get(envelope.stream))


def _transactions_equal(events: Sequence[Any], recorded: set[UUID]) -> Iterator[Finding]:
    posted = {event.transaction_id: event for event in events if isinstance(event, TransactionPosted)}
    recorded.update(posted)
    rows = Transaction.objects.filter(pk__in=posted).prefetch_related("entries__account").in_bulk()
    for transaction_id, event in posted.items():
        if transaction_id in rows:
            yield from _compare_fields("ledger_transaction", str(transaction_id), event, rows[transaction_id].posted)
        else:
            yield from _compare("ledger_transaction", str(transaction_id), "row", "as recorded in the log", "missing")


def _all_were_recorded(recorded: set[UUID]) -> Iterator[Finding]:
    for transaction_id in Transaction.objects.values_list("pk", flat=True).iterator(BATCH):
        if transaction_id not in recorded:
            yield from _compare("ledger_transaction", str(transaction_id), "event", "one in the log", "none")


def _accounts_equal(states: dict[str, AccountState]) -> Iterator[Finding]:
    for account in Account.objects.iterator(BATCH):
        yield from _compare_fields("ledger_account", account.code, states.pop(account.stream, accounts.initial), account.state)
    for state in states.values():
        yield from _compare("ledger_account", state.code, "row", "as recorded in the log", "missing")


def _holds_equal(states: dict[str, HoldState]) -> Iterator[Finding]:
    for hold in Hold.objects.iterator(BATCH):
        yield from _compare_fields("ledger_hold", str(hold.pk), states.pop(hold.stream, holds.initial), hold.told)
    for state in states.values():
        yield from _compare("ledger_hold", str(state.hold_id), "row", "as recorded in the log", "missing")


def _compare_fields(table: str, key: str, expected: Any, found: Any) -> Iterator[Finding]:
    for field in msgspec.structs.fields(expected):
        yield from _compare(table, key, field.name, getattr(expected, field.name), getattr(found, field.name))


def _compare(table: str, key: str, field: str, expected: object, found: object) -> Iterator[Finding]:
    if expected != found and str(expected) != str(found):
        yield Finding(table=table, key=key, field=field, expected=str(expected), found=str(found))
