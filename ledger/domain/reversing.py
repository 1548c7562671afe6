"""The rules of reversal: a transaction is taken back once at most, by one with its sides swapped."""

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from eventstore.errors import Refused
from ledger.commands import ReverseTransaction
from ledger.domain.amounts import minor_units
from ledger.domain.books import Books
from ledger.domain.moves import Move
from ledger.domain.posting import entry_of_move, invalid
from ledger.events import Entry, LedgerEvent, TransactionPosted, TransactionReversed


def decide_reversing(books: Books, command: ReverseTransaction) -> list[LedgerEvent]:
    """The transaction that takes another one back. Nothing when it was recorded before. Raises Refused."""
    original = books.transaction(command.transaction_id)
    if original is None:
        raise _unknown(books, command.transaction_id)
    external_id = command.external_id or f"reversal:{command.reversal_id}"
    if recorded := books.recorded_as(external_id, command.reversal_id):
        _check_same(recorded, command, external_id)
        return []
    if original.reverses_id is not None:
        raise _refused(f"Transaction {original.transaction_id} is a reversal itself; post a new one.", "reversal_of_reversal", original)
    before = [posted for posted in books.transactions if posted.reverses_id == original.transaction_id]
    left = _left(original, before)
    amounts = _amounts(original, command, left)
    moves = [
        Move(account=books.accounts[entry.account_id], side="C" if entry.side == "D" else "D", amount=amounts[entry.account_id])
        for entry in original.entries
        if amounts[entry.account_id]
    ]
    posted = TransactionPosted(
        transaction_id=command.reversal_id,
        external_id=external_id,
        kind="reversal",
        effective_at=original.effective_at if command.effective == "original" else books.at,
        recorded_at=books.at,
        entries=tuple(entry_of_move(move) for move in moves),
        description=command.reason,
        reverses_id=original.transaction_id,
    )
    whole, taken = _by_currency([original]), _by_currency([posted])
    told = TransactionReversed(
        reversal_id=command.reversal_id,
        reverses_id=original.transaction_id,
        scope="full" if taken == whole else "partial",
        amount_by_currency=_text(taken),
        cumulative=_text(_by_currency([*before, posted])),
        remaining=remaining([original, *before, posted], original.transaction_id),
        reason_code=command.reason_code,
        reason=command.reason,
        effective=command.effective,
        recorded_at=books.at,
    )
    return [posted, *posted.echoes, told]


def remaining(transactions: Sequence[TransactionPosted], transaction_id: UUID) -> dict[str, str]:
    """What is left of a transaction after its reversals, by currency."""
    whole = _by_currency(posted for posted in transactions if posted.transaction_id == transaction_id)
    taken = _by_currency(posted for posted in transactions if posted.reverses_id == transaction_id)
    return _text({currency: amount - taken[currency] for currency, amount in whole.items()})


def _unknown(books: Books, transaction_id: UUID) -> Refused:
    if books.hold(transaction_id):
        return Refused(f"{transaction_id} is a hold; void it, or reverse the transaction that posted it.", code="reversal_of_hold")
    return Refused(f"There is no transaction {transaction_id}.", code="transaction_not_found", status=404)


def _check_same(recorded: TransactionPosted, command: ReverseTransaction, external_id: str) -> None:
    amount = recorded.entries[0].amount if command.amount is None else command.amount  # left out is the same again
    was = (recorded.external_id, recorded.reverses_id, recorded.entries[0].amount, recorded.description)
    now = (external_id, command.transaction_id, amount, command.reason)
    for name, before, asked in zip(("external_id", "transaction_id", "amount", "reason"), was, now, strict=True):
        if before != asked:
            raise Refused(
                f"Transaction {recorded.transaction_id} was posted as {recorded.external_id} with another {name}.",
                code="external_id_conflict",
                field=name,
                transaction_id=str(recorded.transaction_id),
            )


def _left(original: TransactionPosted, before: Iterable[TransactionPosted]) -> dict[UUID, int]:
    """What is left of each account's entry; a transaction touches an account once."""
    left = {entry.account_id: int(entry.amount) for entry in original.entries}
    for reversal in before:
        for entry in reversal.entries:
            left[entry.account_id] -= int(entry.amount)
    return left


def _amounts(original: TransactionPosted, command: ReverseTransaction, left: dict[UUID, int]) -> dict[UUID, int]:
    """How much of each account's entry is taken back now. Raises Refused."""
    if not any(left.values()):
        raise _refused(f"Transaction {original.transaction_id} is reversed already.", "already_reversed", original)
    if command.amount is None:
        return left
    amount = minor_units(command.amount)
    if len(original.entries) != 2:
        raise invalid(
            f"Transaction {original.transaction_id} has {len(original.entries)} entries: one amount does not say which; leave it out.",
            "partial_of_many_entries",
        )
    remaining = min(left.values())
    if amount > remaining:
        currency = original.entries[0].currency
        raise _refused(
            f"Transaction {original.transaction_id} has {remaining} {currency} left to reverse, not {amount}.",
            "reversal_exceeds",
            original,
            remaining=str(remaining),
        )
    return dict.fromkeys(left, amount)


def _by_currency(transactions: Iterable[TransactionPosted]) -> Counter[str]:
    """What transactions come to: their debits, which equal their credits."""
    sums: Counter[str] = Counter()
    for entry in _entries(transactions):
        sums[entry.currency] += int(entry.amount)
    return Counter({currency: amount // 2 for currency, amount in sums.items()})


def _entries(transactions: Iterable[TransactionPosted]) -> Iterable[Entry]:
    return (entry for posted in transactions for entry in posted.entries)


def _text(sums: dict[str, int]) -> dict[str, str]:
    return {currency: str(amount) for currency, amount in sums.items()}


def _refused(detail: str, code: str, original: TransactionPosted, **facts: str) -> Refused:
    return Refused(detail, code=code, status=409, transaction_id=str(original.transaction_id), **facts)
