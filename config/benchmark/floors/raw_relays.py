"""The floor of the relay: read a batch, XADD in one pipeline, remember how far.

Fair: the same batches, the same entries under the same kind of ids, PostgreSQL makes the JSON so that Python only passes it on,
and the position is kept in a commit a batch that does not wait for the disk, as ours. It promises less: nobody compares
the top of the stream, so a second relay or an emptied Redis leaves duplicates or holes.
"""

from typing import Any

import psycopg
import redis

BATCH = 500

TABLE = "CREATE TABLE raw_relay AS SELECT id AS partition, 0::bigint AS position FROM eventstore_partition"

READ = """
SELECT position, id::text, row_to_json(e)::text FROM eventstore_event e
WHERE partition = %s AND position > %s ORDER BY position LIMIT %s
"""


def relay(session: "psycopg.Connection[Any]", client: "redis.Redis") -> int:
    """Publish everything; return how much it was."""
    sent = 0
    for partition, position in session.execute("SELECT partition, position FROM raw_relay").fetchall():
        while rows := session.execute(READ, [partition, position, BATCH], prepare=True).fetchall():
            pipe = client.pipeline(transaction=False)
            for at, event_id, packed in rows:
                pipe.xadd(f"raw:{{{partition}}}", {"id": event_id, "event": packed}, id=f"1-{at}")
            pipe.execute()
            position = rows[-1][0]
            session.execute("SET LOCAL synchronous_commit = off")
            session.execute("UPDATE raw_relay SET position = %s WHERE partition = %s", [position, partition], prepare=True)
            session.commit()
            sent += len(rows)
    return sent
