"""The file of "Online Retail", a British web shop's export: one row a line, one line of an invoice a row. Pure, no Django."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from eventstore.messages import Value
from orders.channels.text_files import LONGEST, NumberedLine

#: The shop's clock.
LOCAL = ZoneInfo("Europe/London")

COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")

_number = re.compile(r"C?\d{1,12}", re.ASCII)
_quantity = re.compile(r"-?\d{1,9}", re.ASCII)
_price = re.compile(r"-?\d{1,12}(\.\d{1,8})?", re.ASCII)


class Row(Value):
    """One row as far as it could be read. `number` is empty when nobody can say where it belongs."""

    line: int
    number: str = ""
    sku: str = ""
    quantity: int = 0
    price: int = 0  # pence
    at: datetime | None = None
    customer: str = ""
    problem: str = ""  #: why it could not be read

    @property
    def amount(self) -> int:
        """Pence that it adds to the sum of the file."""
        return self.quantity * self.price


class Document(Value):
    """The rows of one number that follow each other: an invoice, or a credit note when the number begins with C."""

    number: str
    rows: tuple[Row, ...]

    @property
    def is_credit_note(self) -> bool:
        return self.number.startswith("C")

    @property
    def serial(self) -> int:
        """Its place in the one series in which invoices and credit notes are numbered; 0 when it has none."""
        return int(self.number.removeprefix("C") or 0)

    @property
    def customer(self) -> str:
        return self.rows[0].customer

    @property
    def at(self) -> datetime | None:
        return self.rows[0].at


def read_documents(lines: Iterable[NumberedLine]) -> Iterator[Document]:
    """The documents of a file in its order. Raises ValueError when the file has other columns."""
    lines = iter(lines)
    columns = _read_header(next(lines).text or "")
    rows: list[Row] = []
    for number, text in lines:
        if text is not None and not text.strip():
            continue
        row = _read_row(number, text, columns)
        if not row.number:
            yield Document(number="", rows=(row,))  # alone: the document around it goes on
            continue
        if rows and rows[0].number != row.number:
            yield Document(number=rows[0].number, rows=tuple(rows))
            rows = []
        rows.append(row)
    if rows:
        yield Document(number=rows[0].number, rows=tuple(rows))


def _read_header(text: str) -> dict[str, int]:
    names = [name.strip() for name in next(csv.reader([text]), [])]
    if missing := [name for name in COLUMNS if name not in names]:
        raise ValueError(f"The first line does not name {', '.join(missing)}, separated by commas; it is {_short(text)}.")
    return {name: names.index(name) for name in COLUMNS} | {"": len(names)}


def _read_row(line: int, text: str | None, columns: dict[str, int]) -> Row:
    if text is None:
        return Row(line=line, problem=f"a line of more than {LONGEST:,} characters is not a row")
    try:
        (fields,) = csv.reader([text], strict=True)
    except csv.Error as error:
        return Row(line=line, problem=f"not a row of a CSV file: {error}")
    number = fields[columns["InvoiceNo"]].strip() if len(fields) > columns["InvoiceNo"] else ""
    if not _number.fullmatch(number):
        return Row(line=line, problem=f"InvoiceNo {_short(number)} is neither a number nor C and a number")
    if len(fields) != columns[""]:
        return Row(line=line, number=number, problem=f"{len(fields)} columns instead of {columns['']}")
    return _convert(Row(line=line, number=number), {name: fields[columns[name]].strip() for name in COLUMNS})


def _convert(row: Row, said: dict[str, str]) -> Row:
    """The row with what its fields say. The amount comes first: a row refused for the rest still counts in the sum."""
    quantity, price = said["Quantity"], said["UnitPrice"]
    if not _quantity.fullmatch(quantity):
        return replace(row, problem=f"Quantity {_short(quantity)} is not a whole number of at most nine digits")
    if not _price.fullmatch(price):
        return replace(row, problem=f"UnitPrice {_short(price)} is not a price such as 2.55")
    pence = Decimal(price).scaleb(2)
    if pence != int(pence):
        return replace(row, problem=f"UnitPrice {_short(price)} has fractions of a penny")
    row = replace(row, quantity=int(quantity), price=int(pence))
    sku, customer = said["StockCode"].upper(), said["CustomerID"].removesuffix(".0")
    if not sku or len(sku) > 64 or not sku.isprintable():
        return replace(row, problem=f"StockCode {_short(sku)} is not the code of an article")
    if len(customer) > 64 or not customer.isprintable():
        return replace(row, problem=f"CustomerID {_short(customer)} is not the number of a customer")
    at = _read_time(said["InvoiceDate"])
    if at is None:
        return replace(row, problem=f"InvoiceDate {_short(said['InvoiceDate'])} is not a time such as 12/31/10 8:26")
    return replace(row, sku=sku, customer=customer, at=at)


@lru_cache(maxsize=1024)
def _read_time(text: str) -> datetime | None:
    for pattern in ("%m/%d/%y %H:%M", "%m/%d/%Y %H:%M"):
        try:
            at = datetime.strptime(text, pattern).replace(tzinfo=LOCAL)
        except ValueError:
            continue
        return at if 1970 <= at.year <= 2100 else None
    return None


def _short(text: str) -> str:
    """Somebody else's text, quoted, short enough for a sentence."""
    text = text.strip()
    return repr(text if len(text) <= 40 else text[:40] + "…")
