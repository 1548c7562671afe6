"""Every look the doctor takes, in the order in which one thing stands on another."""

from collections.abc import Callable, Iterator

from eventstore.doctor import consumers, log, postgres, sagas, schemas, software, streams, workers
from eventstore.doctor.reports import Report

LOOKS: tuple[Callable[[], Iterator[Report]], ...] = (
    software.versions,
    postgres.reach,
    postgres.server,
    postgres.durability,
    postgres.clock,
    postgres.transactions,
    log.layout,
    log.triggers,
    log.rights,
    schemas.registry,
    streams.server,
    streams.tips,
    workers.heartbeat,
    workers.relay,
    consumers.lags,
    consumers.declarations,
    consumers.dead_letters,
    sagas.troubles,
    sagas.commands,
    sagas.deadlines,
    consumers.alerts,
)


def examine() -> Iterator[Report]:
    """Look at everything. Raises django.db.Error when there is no database to look at."""
    for look in LOOKS:
        yield from look()
