"""What became of every row of an import, and whether the money adds up."""

from collections import Counter
from typing import Any, get_args

from eventstore.messages import Value
from orders.channels.online_retail import CURRENCY, Kind, Outcome
from orders.channels.retail_rows import Document


class Taken(Value):
    """What became of one document. Amounts are what the orders say, in minor units, not what the rows said."""

    document: Document
    outcomes: list[Outcome]
    events: int = 0
    created: int = 0
    known: int = 0
    ordered: int = 0
    cancelled: int = 0
    refunded: int = 0


class Report:
    """Counts and sums of one import."""

    def __init__(self) -> None:
        self.rows = Counter[Kind]()
        self.refused: list[tuple[int, str]] = []
        self.orders_created = 0
        self.orders_known = 0
        self.events_appended = 0
        self.money = Counter[str](file=0, ordered=0, cancelled=0, refunded=0, refused=0)

    def add(self, taken: Taken) -> None:
        """Account for the rows of a document."""
        self.orders_created += taken.created
        self.orders_known += taken.known
        self.events_appended += taken.events
        self.money["ordered"] += taken.ordered
        self.money["cancelled"] += taken.cancelled
        self.money["refunded"] += taken.refunded
        self.money["file"] += sum(row.amount for row in taken.document.rows)
        for outcome in taken.outcomes:
            self.rows[outcome.kind] += 1
            if outcome.kind == "refused":
                self.refused.append((outcome.line, outcome.reason))
                self.money["refused"] += outcome.amount

    @property
    def rows_total(self) -> int:
        return self.rows.total()

    @property
    def is_exact(self) -> bool:
        """Do the orders, less what was taken back, and the refused rows come to the sum of the file?"""
        money = self.money
        return money["ordered"] - money["cancelled"] - money["refunded"] + money["refused"] == money["file"]

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "rows_total": self.rows_total,
            **{f"rows_{kind}": self.rows[kind] for kind in get_args(Kind)},
            "orders_created": self.orders_created,
            "orders_known": self.orders_known,
            "events_appended": self.events_appended,
            "money": {"currency": CURRENCY, **{name: str(amount) for name, amount in self.money.items()}, "exact": self.is_exact},
            "refused": [{"line": line, "reason": reason} for line, reason in sorted(self.refused)],
        }
