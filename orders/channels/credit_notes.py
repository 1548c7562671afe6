"""Which orders a credit note takes things back from. It names none, so they are found by customer, article and price. Pure.

A row belongs to one earlier order (a lower number) of the same customer that has as many of the article at that price
left to give back. Where several have: first the order that fits the most rows of the note, then the one that is taken
back completely, then the newest. An order that is taken back completely is cancelled, any other is refunded.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from eventstore.messages import Value
from orders.channels.online_retail import CHARGES, NOT_SALES, Outcome, charge_of, external_id_of, line_of, refuse, take
from orders.channels.retail_rows import Document, Row
from orders.commands import CancelOrder, RefundOrder
from orders.domain import Good, goods

Rows = Sequence[Row]


class Claim(Value):
    """An order that things can be taken back from, or were when this note was read before."""

    order_id: UUID
    serial: int  #: the number of its invoice
    left: Counter[Good]
    whole: bool  #: that is the whole order

    @property
    def worth(self) -> int:
        """Minor units."""
        return sum(int(price) * count for (_, _, price), count in self.left.items())


def translate_credit_note(
    note: Document, done: Iterable[Claim], claims: Iterable[Claim]
) -> tuple[list[CancelOrder | RefundOrder], list[Outcome]]:
    """What is still to be done about a credit note, and what became of each row. `done` is what it took back before."""
    faults = {row.line: why_not_taken_back(row) for row in note.rows}
    outcomes = {row.line: refuse(row, faults[row.line]) for row in note.rows if faults[row.line]}
    rest: Rows = [row for row in note.rows if row.line not in outcomes]

    again = [(claim, fitting(rest, claim.left)) for claim in done]
    rest = _without(rest, again)
    settled = {claim.order_id for claim, _ in again}
    shares = share_out(rest, [claim for claim in claims if claim.serial < note.serial and claim.order_id not in settled])
    for claim, rows in again:
        outcomes |= {row.line: take(row, "cancelled" if claim.whole else "refunded") for row in rows}
    for claim, rows in shares:
        outcomes |= {row.line: take(row, "cancelled" if is_whole(claim, rows) else "refunded") for row in rows}
    outcomes |= {row.line: refuse(row, _nobody_has(row)) for row in _without(rest, shares)}
    return [_command_of(claim, rows, note) for claim, rows in shares], [outcomes[row.line] for row in note.rows]


def why_not_taken_back(row: Row) -> str:
    """Why a row cannot belong to any order; "" when it can."""
    if row.sku in NOT_SALES:
        return f"{NOT_SALES[row.sku]} belongs to no order"
    if row.quantity >= 0:
        return f"a quantity of {row.quantity} takes nothing back"
    if not row.customer:
        return "without a customer nobody can say whose order it takes back"
    return ""


def share_out(rows: Rows, claims: Iterable[Claim]) -> list[tuple[Claim, Rows]]:
    """The rows that go to each order; the best order first takes all that fits it, the next best chooses from the rest."""
    shares: list[tuple[Claim, Rows]] = []
    free = list(claims)
    while rows and free:
        fits = [(claim, fitting(rows, claim.left)) for claim in free]
        best, taken = max(fits, key=lambda fit: (len(fit[1]), is_whole(*fit), fit[0].serial))
        if not taken:
            break
        shares.append((best, taken))
        rows = _without(rows, [(best, taken)])
        free.remove(best)
    return shares


def fitting(rows: Rows, left: Counter[Good]) -> Rows:
    """The rows that can be taken from what is left, one after the other."""
    left = left.copy()
    taken = []
    for row in rows:
        ((good, quantity),) = goods_of([row]).items()
        if quantity <= left[good]:
            left[good] -= quantity
            taken.append(row)
    return taken


def is_whole(claim: Claim, rows: Rows) -> bool:
    """Do these rows take back all of the order?"""
    return claim.whole and goods_of(rows) == claim.left


def goods_of(rows: Rows) -> Counter[Good]:
    """What rows take back."""
    return goods([line_of(row) for row in rows if row.sku not in CHARGES], [charge_of(row) for row in rows if row.sku in CHARGES])


def _command_of(claim: Claim, rows: Rows, note: Document) -> CancelOrder | RefundOrder:
    reason = f"credit note {note.number}"
    if is_whole(claim, rows):
        return CancelOrder(order_id=claim.order_id, reason=reason)
    return RefundOrder(
        order_id=claim.order_id,
        refund_id=external_id_of(note.number),
        reason=reason,
        lines=tuple(line_of(row) for row in rows if row.sku not in CHARGES),
        charges=tuple(charge_of(row) for row in rows if row.sku in CHARGES),
    )


def _without(rows: Rows, shares: Iterable[tuple[Claim, Rows]]) -> Rows:
    gone = {row.line for _, taken in shares for row in taken}
    return [row for row in rows if row.line not in gone]


def _nobody_has(row: Row) -> str:
    price = Decimal(row.price).scaleb(-2)
    return f"no earlier order of customer {row.customer} has {-row.quantity} of {row.sku} at {price} left to give back"
