"""Whether an answer about a time can still change: only while a transaction runs that may have stamped that time already."""

from datetime import datetime

from eventstore.statements import ask

# Times are stamped by statements of transactions that own an id by then, so a transaction without one has stamped nothing;
# one that began later stamps later. In this order: who is neither running here nor visible to the next statement wrote later.
# A role that may not see other roles' activity sees no ids: all writers of the log share one role, or this would say too much.
FINAL = """
SELECT %s < clock_timestamp() AND NOT EXISTS (
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL AND xact_start <= %s
)
"""


def is_final(at: datetime) -> bool:
    """Whether everything with this time or an earlier one is visible to the caller's next statement, for ever the same.

    Ask before reading: what commits between reading and asking would be missed.
    """
    row = ask(FINAL, [at, at])
    return bool(row and row[0])
