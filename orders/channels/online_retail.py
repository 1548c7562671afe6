"""What an invoice of "Online Retail" means here: which rows are an order, which are its charges, which are nothing of the kind.

A document is refused as a whole when one of its rows cannot be read or contradicts the others: half an order is a wrong
order. Rows that can be read but are no sale (fees, stock corrections) are refused alone. Pure, no Django.
"""

from typing import Literal

import msgspec

from eventstore.messages import Value
from orders.channels.order_ids import order_id_of
from orders.channels.retail_rows import Document, Row
from orders.commands import PlaceOrder
from orders.events import Charge, Line

CHANNEL = "online_retail"
CURRENCY = "GBP"
#: Who buys without an account.
GUEST = "guest"

#: Stock codes that are paid on top of articles.
CHARGES = {"POST": "postage", "DOT": "postage", "C2": "carriage", "M": "manual"}
#: Stock codes that are the shop's own bookkeeping.
NOT_SALES = {
    "AMAZONFEE": "a fee of Amazon",
    "B": "a bad debt",
    "BANK CHARGES": "a bank charge",
    "CRUK": "a donation of the shop",
    "D": "a discount",
    "S": "a sample",
}

Kind = Literal["ordered", "charged", "cancelled", "refunded", "refused"]


class Outcome(Value):
    """What became of a row."""

    line: int
    kind: Kind
    amount: int
    reason: str = ""


def external_id_of(number: str) -> str:
    """The number of a document, told apart from those of other channels."""
    return f"{CHANNEL}:{number}"


def translate_invoice(invoice: Document) -> tuple[PlaceOrder | None, list[Outcome]]:
    """The order that an invoice is, if it is one, and what became of each row."""
    if refused := refuse_contradictions(invoice):
        return None, refused
    faults = {row.line: why_not_a_sale(row, invoice) for row in invoice.rows}
    sold = [row for row in invoice.rows if not faults[row.line]]
    lines = [line_of(row) for row in sold if row.sku not in CHARGES]
    if not lines:
        return None, [refuse(row, faults[row.line] or "charges without an article are not an order") for row in invoice.rows]
    order = {
        "order_id": order_id_of(CHANNEL, invoice.serial),
        "currency": CURRENCY,
        "customer_ref": invoice.customer or GUEST,
        "external_id": external_id_of(invoice.number),
        "lines": lines,
        "charges": [charge_of(row) for row in sold if row.sku in CHARGES],
    }
    try:
        command = msgspec.convert(msgspec.to_builtins(order), PlaceOrder)
    except msgspec.ValidationError as error:
        return None, [refuse(row, f"not an order: {error}") for row in invoice.rows]
    return command, [
        refuse(row, faults[row.line]) if faults[row.line] else take(row, "charged" if row.sku in CHARGES else "ordered")
        for row in invoice.rows
    ]


def refuse_contradictions(document: Document) -> list[Outcome]:
    """The refusal of a whole document, because a row cannot be read or contradicts the others. Empty when all is well."""
    faults = {row.line: fault for row in document.rows if (fault := _contradiction(row, document))}
    if not faults:
        return []
    first = next(iter(faults))
    return [refuse(row, faults.get(row.line) or f"held back because of line {first} of the same document") for row in document.rows]


def take(row: Row, kind: Kind) -> Outcome:
    """A row that took effect."""
    return Outcome(line=row.line, kind=kind, amount=row.amount)


def refuse(row: Row, reason: str) -> Outcome:
    """A row that changes nothing, and why."""
    return Outcome(line=row.line, kind="refused", amount=row.amount, reason=reason)


def line_of(row: Row) -> Line:
    """The articles that a row sells or, on a credit note, takes back."""
    return Line(sku=row.sku, quantity=abs(row.quantity), unit_price=str(row.price))


def charge_of(row: Row) -> Charge:
    """What a row puts on top of the articles or, on a credit note, takes off again."""
    return Charge(kind=CHARGES[row.sku], amount=str(abs(row.amount)))


def why_not_a_sale(row: Row, invoice: Document) -> str:
    """Why a row is nothing that somebody bought; "" when it is."""
    if row.sku in NOT_SALES:
        return f"{NOT_SALES[row.sku]} is not a sale"
    if row.quantity == 0:
        return "a quantity of 0 sells nothing"
    if row.quantity < 0 or (not row.customer and not any(other.price for other in invoice.rows)):
        return f"a stock correction ({row.quantity:+} of {row.sku} without a price) is not a sale"
    return ""


def _contradiction(row: Row, document: Document) -> str:
    if row.problem:
        return row.problem
    if row.price < 0:
        return "a price below zero"
    if row.amount > 0 and document.is_credit_note:
        return "a credit note takes back, this row gives"
    if row.amount < 0 and not document.is_credit_note:
        return "only a credit note (C…) takes articles back"
    if row.customer != document.customer:
        return f"another customer ({row.customer or 'none'}) than in the rows above ({document.customer or 'none'})"
    return ""
