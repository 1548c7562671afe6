"""Posting the same again: an external id says the same for ever."""

from collections.abc import Sequence
from datetime import datetime

from eventstore.errors import Refused
from ledger.commands import Posting, PostTransaction
from ledger.domain.moves import Move, kind_of
from ledger.events import TransactionPosted

#: What a command of one amount and one counterparty calls its entries' fields.
PLAIN_NAMES = {"0/account": "account", "1/account": "counterparty", "0/amount": "amount", "0/currency": "currency"}


def check_same(recorded: TransactionPosted, command: Posting, moves: Sequence[Move]) -> None:
    """Raises Refused and names the first field in which a command differs from what was recorded."""
    then = [(entry.account_code, entry.currency, entry.amount, entry.side) for entry in recorded.entries]
    now = [(move.account.code, move.account.currency, str(move.amount), move.side) for move in moves]
    at = recorded.effective_at if command.effective_at is None else command.effective_at  # left out is the same again
    was = _content(recorded.external_id, recorded.kind, then, recorded.effective_at, recorded.description)
    asked = _content(command.external_id, kind_of(command), now, at, command.description)
    for field, value in asked.items():
        if was.get(field) != value:
            name = field if isinstance(command, PostTransaction) else PLAIN_NAMES.get(field.removeprefix("entries/"), field)
            raise Refused(
                f"Transaction {recorded.transaction_id} was posted as {recorded.external_id} with another {name}.",
                code="external_id_conflict",
                field=name,
                transaction_id=str(recorded.transaction_id),
            )


def _content(external_id: str, kind: str, entries: Sequence[tuple[str, ...]], at: datetime, description: str | None) -> dict[str, object]:
    content: dict[str, object] = {"external_id": external_id, "kind": kind, "entries": len(entries)}
    for index, entry in enumerate(entries):
        content |= {f"entries/{index}/{name}": value for name, value in zip(("account", "currency", "amount", "side"), entry, strict=True)}
    return content | {"effective_at": at, "description": description}
