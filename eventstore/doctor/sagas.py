"""Sagas: does every process go on?"""

from collections.abc import Iterator

from eventstore import sagas
from eventstore.doctor.reports import Report, advice, counted, finding, ok

LATE_SECONDS = 60.0  #: after which what is due has been forgotten: the sweep looks every second
LONG_SECONDS = 600.0  #: a command that waits longer has been tried several times


def troubles() -> Iterator[Report]:
    """No saga waits for a person."""
    number = sum(one.troubled for one in sagas.measured())
    if not number:
        yield ok("sagas", "none is in trouble")
        return
    (first,) = sagas.troubled(1)
    fix = f"manage.py sagas list --trouble names them; mend the cause, then sagas retry, settle, compensate or close ({first.pk})."
    yield finding("sagas", f"{counted(number, 'saga')} in trouble, the newest: {first.trouble.rstrip('.')}", fix)


def commands() -> Iterator[Report]:
    """What sagas send is carried out."""
    sent = sagas.pending()
    if sent.overdue_seconds > LATE_SECONDS:
        fact = f"{counted(sent.commands, 'command')} of sagas waiting, one due for {sent.overdue_seconds:.0f} s, and nobody begins it"
        yield finding("saga commands", fact, "A worker carries them out when beat's sweep says so: see the lines about beat and worker.")
    elif sent.oldest_seconds > LONG_SECONDS:
        fact = f"{counted(sent.commands, 'command')} of sagas waiting, the oldest since {sent.oldest_seconds / 60:.0f} minutes ago"
        yield advice("saga commands", fact, "They failed and are tried again, for ever; manage.py sagas list tells which, show tells why.")
    else:
        yield ok("saga commands", f"{counted(sent.commands, 'command')} waiting")


def deadlines() -> Iterator[Report]:
    """Deadlines that pass are fired."""
    sent = sagas.pending()
    if sent.late_seconds > LATE_SECONDS:
        fact = f"{counted(sent.deadlines, 'deadline')} of sagas passed and not fired, the first {sent.late_seconds:.0f} s ago"
        yield finding("saga deadlines", fact, "A worker fires them when beat's sweep says so: see the lines about beat and worker.")
    else:
        yield ok("saga deadlines", "none is overdue")
