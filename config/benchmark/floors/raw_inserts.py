"""The floor of append: BEGIN, INSERT, COMMIT with psycopg.

Fair: a table with the same columns and indexes and fsync on the same server; the statement is prepared; the row is built
from a dict as such code would do it. It promises less: nobody counts positions, and no version is checked against the one before.
"""

import json
import random
import time

import psycopg
from django.conf import settings

from config.benchmark.crews import Act
from config.benchmark.examples import plain_order
from eventstore.clock import new_id, now

TABLE = "CREATE TABLE raw_event (LIKE eventstore_event INCLUDING ALL)"

INSERT = """
INSERT INTO raw_event (id, partition, position, stream, version, name, schema_version, data, facts, occurred_at, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())
"""


def prepare() -> Act:
    connection = psycopg.connect(settings.DATABASE_URL)
    # Every writer has a partition to itself: two of them never touch the same end of that index.
    partition = random.randrange(2**15)

    def act() -> None:
        order_id = new_id()
        data, facts = json.dumps(plain_order(order_id)), json.dumps({"correlation": str(new_id())})
        values = (new_id(), partition, time.time_ns(), f"order-{order_id}", 1, "orders.order_placed", 1, data, facts, now())
        connection.execute(INSERT, values, prepare=True)
        connection.commit()

    return act
