"""A history to work on: orders that were placed and later changed, written into the log by SQL as ours would have recorded them."""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Json

from config.benchmark.examples import LINES

#: Each block places its orders and then changes them in turns: the events of an order do not stand side by side.
#: uuidv7() and crc32() are of PostgreSQL 18, as are the servers of a run.
FILL = """
INSERT INTO eventstore_event (id, partition, position, stream, version, name, schema_version, data, facts, occurred_at, recorded_at)
SELECT uuidv7(), partition, (SELECT head FROM eventstore_partition WHERE id = partition) +
       row_number() OVER (PARTITION BY partition ORDER BY number), stream, version, name, 1,
       jsonb_build_object('order_id', order_id, 'customer_ref', 'customer-' || order_number %% 1000, 'lines', {lines}::jsonb,
                          'charges', '[]'::jsonb, 'total', '2700') ||
       CASE version WHEN 1 THEN '{{"currency": "EUR", "external_id": null}}'::jsonb ELSE '{{}}'::jsonb END,
       jsonb_build_object('actor', 'key:shop', 'correlation', order_id), now(), now()
FROM (
    SELECT number, order_number, order_id, stream, version, crc32(convert_to(stream, 'UTF8')) %% 16 AS partition,
           CASE version WHEN 1 THEN 'orders.order_placed' ELSE 'orders.order_updated' END AS name
    FROM (
        SELECT number, number / {block} * %(orders)s + number %% %(orders)s AS order_number, 1 + number %% {block} / %(orders)s AS version
        FROM generate_series(%(first)s::int, %(last)s::int) AS number
    ) AS event
    CROSS JOIN LATERAL (SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(order_number), 12, '0'))::uuid AS order_id) AS named
    CROSS JOIN LATERAL (SELECT 'order-' || order_id AS stream) AS told
) AS planned
ORDER BY number
"""

HEADS = """
UPDATE eventstore_partition SET head = newest.position
FROM eventstore_partition AS p
CROSS JOIN LATERAL (SELECT max(position) AS position FROM eventstore_event WHERE partition = p.id) AS newest
WHERE eventstore_partition.id = p.id AND newest.position IS NOT NULL
"""

BLOCK = 2000  #: events; a history of whole blocks has all events of each order
CHUNK = 150 * BLOCK  #: events that one statement writes: ten million at once would sort for ever


def fill(connection: "psycopg.Connection[Any]", events: int, *, each: int = 2) -> int:
    """Fill an empty log with orders of so many events each, a divisor of a block; return how many events there are."""
    whole = max(events // BLOCK, 1) * BLOCK
    lines = sql.Literal(Json(LINES))
    statement = sql.SQL(FILL).format(lines=lines, block=sql.Literal(BLOCK))
    for first in range(0, whole, CHUNK):
        connection.execute(statement, {"orders": BLOCK // each, "first": first, "last": min(first + CHUNK, whole) - 1})
        connection.execute(HEADS)
        connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE eventstore_event")
    connection.execute("CHECKPOINT")
    connection.autocommit = False
    return whole
