"""What a person saw in a preview, every row of it, so that an approval is bound to exactly that."""

from collections.abc import Mapping

from django.db import connection
from psycopg import sql

from eventstore.projections import Projection
from eventstore.runs.differences import pairs_of
from eventstore.runs.shadows import TOUCHES

#: In the schema of the run: each differing row as it was when somebody looked.
SEEN = "daybook_seen"

ROWS = "SELECT key, md5(concat_ws('|', kind, live::text, beside::text)) AS looks FROM ({pairs}) AS pairs"

DIGEST = "SELECT left(md5(coalesce(string_agg(key || looks, ',' ORDER BY key), '')), 16) FROM {seen}"

# A row that an event touched since the preview may differ otherwise by now: it was said that this happens.
STRANGE = """
WITH rows AS MATERIALIZED ({rows})
SELECT count(*) FROM rows FULL OUTER JOIN {seen} AS seen USING (key)
WHERE rows.looks IS DISTINCT FROM seen.looks AND NOT EXISTS (
    SELECT 1 FROM {touches} AS touch JOIN unnest(%s::int[], %s::bigint[]) AS stood(partition, position) USING (partition)
    WHERE touch.key = coalesce(rows.key, seen.key) AND touch.position > stood.position)
"""


def note(projection: Projection, schema: str) -> str:
    """Write down every differing row as it is now; return a digest of all of them, which names the preview."""
    names = _names(projection, schema)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {seen}").format(**names).as_string(cursor.cursor))
        cursor.execute(sql.SQL("CREATE TABLE {seen} AS {rows}").format(**names).as_string(cursor.cursor))
        cursor.execute(sql.SQL(DIGEST).format(**names).as_string(cursor.cursor))
        (digest,) = cursor.fetchone()
    return str(digest)


def unseen(projection: Projection, schema: str, positions: Mapping[str, int]) -> int:
    """How many rows differ otherwise than when somebody looked, though nothing was recorded about them since."""
    values = [[int(partition) for partition in positions], list(positions.values())]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(STRANGE).format(**_names(projection, schema)).as_string(cursor.cursor), values)
        (count,) = cursor.fetchone()
    return int(count)


def _names(projection: Projection, schema: str) -> dict[str, sql.Composable]:
    rows = sql.SQL(ROWS).format(pairs=pairs_of(projection, schema))
    return {"rows": rows, "seen": sql.Identifier(schema, SEEN), "touches": sql.Identifier(schema, TOUCHES)}
