"""The floor of a rebuild: a loop that reads events, decodes them, folds them in dicts and writes the rows in bulk.

Fair: the same table with the same indexes, bounded memory (a batch of events and the rows it touches), a commit a batch,
prepared statements, arrays for the upsert: what somebody writes who knows psycopg. It promises less: no checkpoint moves with the
rows, nothing is retried or parked, and the loop knows this one table only.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

BATCH = 2000

TABLE = "CREATE TABLE raw_summary (LIKE orders_ordersummary INCLUDING ALL)"

READ = """
SELECT position, name, version, data::text, occurred_at, recorded_at FROM eventstore_event
WHERE partition = %s AND position > %s ORDER BY position LIMIT %s
"""

KNOWN = """
SELECT order_id, status, currency, customer_ref, line_count, total, refunded, placed_at, changed_at, version
FROM raw_summary WHERE order_id = ANY(%s)
"""

KEEP = """
INSERT INTO raw_summary (order_id, status, currency, customer_ref, line_count, total, refunded, placed_at, changed_at, version)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::int[], %s::numeric[], %s::numeric[], %s::timestamptz[],
                     %s::timestamptz[], %s::int[])
ON CONFLICT (order_id) DO UPDATE SET status = EXCLUDED.status, currency = EXCLUDED.currency, customer_ref = EXCLUDED.customer_ref,
    line_count = EXCLUDED.line_count, total = EXCLUDED.total, refunded = EXCLUDED.refunded, placed_at = EXCLUDED.placed_at,
    changed_at = EXCLUDED.changed_at, version = EXCLUDED.version
"""


def rebuild(session: "psycopg.Connection[Any]") -> int:
    """Fold everything; return how many events it was."""
    session.execute("TRUNCATE raw_summary")
    folded = 0
    for (partition,) in session.execute("SELECT id FROM eventstore_partition").fetchall():
        position = 0
        while events := session.execute(READ, [partition, position, BATCH], prepare=True, binary=True).fetchall():
            fold(session, events)
            session.commit()
            position = events[-1][0]
            folded += len(events)
    return folded


def fold(session: "psycopg.Connection[Any]", events: list[tuple[Any, ...]]) -> None:
    """One batch: decode, look up the rows it touches, change them, write them back."""
    decoded = [(name, version, json.loads(data), occurred_at, recorded_at) for _, name, version, data, occurred_at, recorded_at in events]
    touched = list({UUID(data["order_id"]) for _, _, data, _, _ in decoded})
    rows = {row[0]: list(row) for row in session.execute(KNOWN, [touched], prepare=True, binary=True)}
    for name, version, data, occurred_at, recorded_at in decoded:
        change(rows, name, version, data, occurred_at, recorded_at)
    columns = zip(*(rows[order_id] for order_id in sorted(rows)), strict=True)
    session.execute(KEEP, [list(column) for column in columns], prepare=True)


def change(
    rows: dict[UUID, list[Any]], name: str, version: int, data: dict[str, Any], occurred_at: datetime, recorded_at: datetime
) -> None:
    """What one event makes of its row."""
    order_id = UUID(data["order_id"])
    if name == "orders.order_placed":
        rows[order_id] = [order_id, "placed", data["currency"], "", 0, 0, 0, occurred_at, recorded_at, version]
    row = rows[order_id]
    if name in ("orders.order_placed", "orders.order_updated"):
        row[3], row[4], row[5] = data["customer_ref"], len(data["lines"]), int(data["total"])
    elif name == "orders.order_cancelled":
        row[1] = "cancelled"
    elif name == "orders.order_refunded":
        row[6] = int(data["refunded_total"])
    row[8], row[9] = recorded_at, version
