"""What the database says after the run: the log, the effects and the read tables in one snapshot, by plain SQL."""

from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from config.chaos.checker import Effect, Logged, Row

Connection = psycopg.Connection[Any]

#: The table of the witness (config/chaos/consumers.py), without a unique key, so that a second telling shows.
#: `n` follows the order in which a partition's events took effect: they are handled under the lock of its checkpoint.
TABLE = """
CREATE TABLE chaos_effect (
    n bigserial, event_id uuid, stream text, version int, pid int, at timestamptz DEFAULT clock_timestamp()
);
CREATE TABLE chaos_again (run uuid, event_id uuid)
"""

#: Who has not arrived yet: events beyond a checkpoint, keys that wait, relays that are behind or have stopped, sagas at work.
WAITING = """
SELECT (SELECT coalesce(sum(p.head - c.position), 0) FROM eventstore_checkpoint c JOIN eventstore_partition p ON p.id = c.partition
        WHERE c.until IS NULL),
       (SELECT count(*) FROM eventstore_parkedkey WHERE state IN ('retrying', 'dead')),
       (SELECT coalesce(sum(p.head - r.position), 0) FROM eventstore_relaycheckpoint r JOIN eventstore_partition p ON p.id = r.partition),
       (SELECT count(*) FROM eventstore_sagainstance WHERE status <> 'finished')
       + (SELECT count(*) FROM eventstore_sagacommand WHERE state = 'waiting'),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND xact_start < now() - interval '10 seconds')
"""

LOG = """
SELECT partition, position, id, stream, version, name, coalesce(facts ->> 'idempotency_key', '') AS key, data,
       coalesce(facts ->> 'actor', '') AS actor, occurred_at, recorded_at
FROM eventstore_event ORDER BY partition, position
"""

POSTINGS = "SELECT currency, CASE side WHEN 'D' THEN amount ELSE -amount END AS amount FROM ledger_entry"

FLOORS = """
SELECT code, CASE normal_side WHEN 'D' THEN debits_posted - credits_posted ELSE credits_posted - debits_posted END AS balance,
       -credit_limit AS floor
FROM ledger_account WHERE credit_limit IS NOT NULL
"""

HOLDS = "SELECT id, external_id, amount::bigint AS amount FROM ledger_hold WHERE state = 'pending'"

#: Replays that were completed and did not tell every event they had counted exactly once.
AGAIN = """
SELECT r.id::text AS id, r.total, (SELECT count(*) FROM chaos_again a WHERE a.run = r.id) AS told,
       (SELECT count(DISTINCT a.event_id) FROM chaos_again a WHERE a.run = r.id) AS different
FROM eventstore_run r WHERE r.consumer = 'chaos.again' AND r.state = 'completed'
"""

FIGURES = """
SELECT (SELECT sum(repairs)::int FROM eventstore_relaycheckpoint) AS repairs,
       (SELECT sum(fallbacks)::int FROM eventstore_checkpoint) AS fallbacks,
       (SELECT count(*) FROM eventstore_parkedkey) AS parked,
       (SELECT count(*) FROM eventstore_sagainstance) AS sagas,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1)::float AS p50_ms,
       round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)::numeric, 1)::float AS p99_ms
FROM (SELECT extract(epoch FROM f.at - e.recorded_at) * 1000 AS ms
      FROM chaos_effect f JOIN eventstore_event e ON e.id = f.event_id) AS delay
"""


class Waiting(msgspec.Struct, frozen=True):
    """What has not been done yet."""

    effects: int  #: events, times the consumers that have not taken them
    parked: int
    publishing: int
    sagas: int  #: not finished, and commands that were not carried out
    old_transactions: int  #: open for more than ten seconds

    def __str__(self) -> str:
        return (
            f"{self.effects} events before consumers, {self.parked} parked keys, {self.publishing} events before the relay, "
            f"{self.sagas} sagas and commands, {self.old_transactions} transactions older than 10 s"
        )

    @property
    def is_over(self) -> bool:
        return not (self.effects or self.parked or self.publishing or self.sagas or self.old_transactions)


class Evidence(msgspec.Struct, frozen=True):
    """One consistent look at everything."""

    log: list[Logged]
    heads: dict[int, int]
    effects: list[Effect]
    postings: list[tuple[str, int]]
    floors: list[tuple[str, int, int]]
    tables: dict[str, dict[Any, Row]]
    figures: dict[str, Any]
    holds: list[tuple[Any, str, int]] = []  #: that are pending: their id, for which order and attempt, minor units
    again: list[tuple[str, int, int, int]] = []  #: replays: their id, what they counted, told, and told of different events


def waiting(connection: Connection) -> Waiting:
    """What has not been done yet."""
    row = connection.execute(WAITING).fetchone() or (0, 0, 0, 0, 0)
    return Waiting(*(int(number) for number in row))


def collect(url: str, tables: dict[str, str]) -> Evidence:
    """The evidence; `tables` are read tables with their primary keys."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        heads = connection.execute("SELECT id, head FROM eventstore_partition").fetchall()
        effects = connection.execute("SELECT event_id, stream, version FROM chaos_effect ORDER BY n").fetchall()
        return Evidence(
            log=[Logged(**row) for row in connection.execute(LOG).fetchall()],
            heads={row["id"]: row["head"] for row in heads},
            effects=[Effect(**row) for row in effects],
            postings=[(row["currency"], int(row["amount"])) for row in connection.execute(POSTINGS).fetchall()],
            floors=[(row["code"], int(row["balance"]), int(row["floor"])) for row in connection.execute(FLOORS).fetchall()],
            tables={table: _rows(connection, table, key) for table, key in tables.items()},
            figures=connection.execute(FIGURES).fetchone() or {},
            holds=[tuple(row.values()) for row in connection.execute(HOLDS).fetchall()],
            again=[tuple(row.values()) for row in connection.execute(AGAIN).fetchall()],
        )


def _rows(connection: Connection, table: str, key: str) -> dict[Any, Row]:
    return {row[key]: row for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()}
