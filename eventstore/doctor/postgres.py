"""PostgreSQL: the only truth, so it has to be one that keeps its word."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
from django.db import connection

from eventstore.doctor.reports import Report, advice, finding, ok

SKEW_SECONDS = 2.0  #: between this clock and PostgreSQL's
IDLE_SECONDS = 10  #: in a transaction, doing nothing
LONG_SECONDS = 300  #: in one transaction


def rows(sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def setting(name: str) -> str:
    ((value,),) = rows("SELECT current_setting(%s)", [name])
    return str(value)


def reach() -> Iterator[Report]:
    """PostgreSQL answers. Past the pool, which waits long and keeps the reason to itself. Raises django.db.Error."""
    with connection.wrap_database_errors, psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": 5}):
        yield ok("database", f"{connection.settings_dict['NAME']} answers")


def server() -> Iterator[Report]:
    """PostgreSQL 15 to 18, a primary, UTF8, UTC, READ COMMITTED."""
    version = setting("server_version").split()[0]
    major = int(setting("server_version_num")) // 10_000
    if 15 <= major <= 18:
        yield ok("PostgreSQL", version)
    elif major < 15:
        yield finding("PostgreSQL", f"{version}; Daybook needs 15 to 18", "Upgrade it, or name another one in DATABASE_URL.")
    else:
        yield advice("PostgreSQL", f"{version}; Daybook is tried on 15 to 18", "Run manage.py test against it first.")
    ((standby,),) = rows("SELECT pg_is_in_recovery()")
    if standby:
        yield finding(
            "primary", "This is a standby: it shows commits in another order than they happened", "Name the primary in DATABASE_URL."
        )
    expected = {
        "server_encoding": ("UTF8", "Make the database anew with ENCODING 'UTF8'."),
        "TimeZone": ("UTC", "Leave USE_TZ on and TIME_ZONE at UTC in settings.py."),
        "transaction_isolation": (
            "read committed",
            "Take isolation_level out of DATABASES and default_transaction_isolation out of the role.",
        ),
    }
    for name, (wanted, fix) in expected.items():
        found = setting(name)
        yield ok(name, found) if found == wanted else finding(name, f"It is {found}, not {wanted}", fix)


def durability() -> Iterator[Report]:
    """What is acknowledged is on disk."""
    for name, why in {
        "fsync": "a power cut may damage the whole database",
        "full_page_writes": "a power cut may leave half-written pages",
        "synchronous_commit": "a crash may take back what was acknowledged and published",
    }.items():
        found = setting(name)
        if found == "off":
            fix = f"Set {name} = on in postgresql.conf (or ALTER SYSTEM), also for this role and database."
            yield finding(name, f"It is off: {why}", fix)
        elif (name, found) == ("synchronous_commit", "local"):
            yield advice(name, "It is local: a failover may take back what was acknowledged", "Use on or remote_apply with standbys.")
        else:
            yield ok(name, found)


def clock() -> Iterator[Report]:
    """This machine and PostgreSQL agree what time it is."""
    before = time.time()
    ((theirs,),) = rows("SELECT extract(epoch FROM clock_timestamp())::float")
    skew = theirs - (before + time.time()) / 2
    if abs(skew) < SKEW_SECONDS:
        yield ok("clock", f"{skew:+.2f} s from PostgreSQL's")
    else:
        yield finding("clock", f"It is {skew:+.1f} s from PostgreSQL's: ids would not sort by time", "Run NTP (chrony) on both machines.")


def transactions() -> Iterator[Report]:
    """Nobody sits on locks, nobody keeps old rows alive."""
    rows("SELECT pg_stat_clear_snapshot()")  # within a transaction the picture is the first one that was taken
    found = rows(
        """SELECT pid, coalesce(nullif(application_name, ''), 'unnamed'), state,
                  extract(epoch FROM clock_timestamp() - CASE WHEN state LIKE 'idle in %%' THEN state_change ELSE xact_start END)::int
           FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
             AND (state LIKE 'idle in %%' AND clock_timestamp() - state_change > %s * interval '1 second'
                  OR clock_timestamp() - xact_start > %s * interval '1 second')
           ORDER BY xact_start""",
        [IDLE_SECONDS, LONG_SECONDS],
    )
    for pid, name, state, seconds in found:
        fact = f"Backend {pid} ({name}) is {state} in one transaction for {seconds} s"
        yield finding("transactions", fact, f"End what it does, or SELECT pg_terminate_backend({pid}).")
    for gid, seconds in rows("SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::int FROM pg_prepared_xacts"):
        fact = f"Transaction {gid} has been prepared for {seconds} s and holds its locks"
        yield finding("transactions", fact, f"COMMIT PREPARED '{gid}' or ROLLBACK PREPARED '{gid}'.")
    if not found:
        yield ok("transactions", "none is idle or long")
    if setting("idle_in_transaction_session_timeout") == "0":
        fix = "Keep -c idle_in_transaction_session_timeout=10s among the options of DATABASES."
        yield advice("idle_in_transaction_session_timeout", "It is off: a stopped process would hold its locks for ever", fix)
