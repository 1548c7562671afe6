"""The log: laid out, append-only, and out of reach of whoever should only append."""

from collections.abc import Iterator

import pgtrigger
from django.db import DatabaseError, connection, transaction

from eventstore import health
from eventstore.doctor.postgres import rows
from eventstore.doctor.reports import Report, advice, finding, ok

MIGRATE = "Run manage.py migrate."


def layout() -> Iterator[Report]:
    """Migrations and the rows that every database needs."""
    if missing := health.missing_migrations():
        yield finding("migrations", f"{len(missing)} are not applied: {', '.join(missing[:3])}", MIGRATE)
    else:
        yield ok("migrations", "all are applied")
    if trouble := health.layout_trouble():
        yield finding("partitions", trouble.partition(": ")[0], trouble.partition(": ")[2].capitalize())
    else:
        yield ok("partitions", f"{len(health.lanes())}, with a relay each")


def triggers() -> Iterator[Report]:
    """Every trigger is as the code declares it, and the one that guards the log fires."""
    drifted = 0
    for model, trigger in pgtrigger.registered():
        status, enabled = trigger.get_installation_status(model)
        if status != pgtrigger.core.INSTALLED or not enabled:
            drifted += 1
            fact = f"Trigger {trigger.name} of {model._meta.db_table} is {'disabled' if enabled is False else status.lower()}"
            yield finding("triggers", fact, "Run manage.py pgtrigger install, then manage.py pgtrigger enable.")
    if not drifted:
        yield ok("triggers", "all are installed as declared")
    yield _append_only()


def _append_only() -> Report:
    """Try to change an event, in a transaction that is taken back."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE eventstore_event SET version = version WHERE id = (SELECT id FROM eventstore_event LIMIT 1)")
            changed = cursor.rowcount
            transaction.set_rollback(True)
    except DatabaseError as refusal:
        return ok("append-only", f"an UPDATE was refused ({str(refusal).splitlines()[0]})")
    if changed:
        return finding("append-only", "An UPDATE of a recorded event went through", "Run manage.py pgtrigger enable; see who disabled it.")
    return ok("append-only", "nothing is recorded yet, so nothing could be tried")


def rights() -> Iterator[Report]:
    """The account of the application appends and reads."""
    ((who, superuser, owner, changes),) = rows(
        """SELECT current_user, rolsuper, pg_has_role(current_user, relowner, 'USAGE'),
                  has_table_privilege(current_user, c.oid, 'UPDATE') OR has_table_privilege(current_user, c.oid, 'DELETE')
                  OR has_table_privilege(current_user, c.oid, 'TRUNCATE')
           FROM pg_class c, pg_roles WHERE c.oid = 'eventstore_event'::regclass AND rolname = current_user"""
    )
    may = "is a superuser" if superuser else "owns the log" if owner else "may change the log" if changes else ""
    if may:
        fix = "In production connect with a role that has SELECT and INSERT on eventstore_event, and migrate with another one."
        yield advice("account", f"{who} {may}: it could switch the guard of the log off", fix)
    else:
        yield ok("account", f"{who} may read and append")
