"""settings.EVENTSTORE as one validated value; a misspelt key is told what was meant."""

import difflib
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec
from django.conf import settings

from eventstore.errors import BadSetting

#: Guards that `manage.py chaos --without` may switch off, to show that the run would see the damage.
GUARDS = ("relay-compare", "consumer-contiguity", "checkpoint-with-effects")


class Conf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting of the event store with its default."""

    PARTITIONS: int = 16  #: fixed when the database is made, up to 1024
    BATCH: int = 500  #: events read, published or handled at once
    TRANSPORT: str = "redis"  #: "redis" or "memory" (tests)
    REDIS_URL: str = "redis://localhost:6379/0"
    STREAM_PREFIX: str = "daybook"  #: Redis keys begin with it
    WAKE: bool = True  #: send Celery hints after COMMIT; beat sweeps anyway
    LOCK_TIMEOUT: timedelta = timedelta(seconds=5)  #: how long a writer waits for a partition's head
    KEEP_IN_STREAM: int = 100_000  #: entries that a Redis stream keeps; whoever is further behind reads the log
    RUN_DRIVERS: int = 4  #: processes that may drive one run at once, where workers take the queue `runs`
    LONG_POLLS: int = 2  #: readers of the event feed that may wait at once in a web process; keep it below its threads
    WITHOUT: tuple[str, ...] = ()  #: guards switched off on purpose; only `manage.py chaos` does


def build(given: dict[str, Any]) -> Conf:
    """Check the dict of settings.py. Raises BadSetting."""
    known = Conf.__struct_fields__
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            meant = f", did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise BadSetting(problem=f"unknown key {key}{meant}")
    built = Conf(**given)
    if not 1 <= built.PARTITIONS <= 1024:
        raise BadSetting(problem=f"PARTITIONS is {built.PARTITIONS}, it must be 1 to 1024")
    if built.TRANSPORT not in ("redis", "memory"):
        raise BadSetting(problem=f'TRANSPORT is "{built.TRANSPORT}", it must be "redis" or "memory"')
    for guard in built.WITHOUT:
        if guard not in GUARDS:
            raise BadSetting(problem=f"WITHOUT names the guard {guard}; known: {', '.join(GUARDS)}")
    return built


@cache
def conf() -> Conf:
    """The settings of this process, checked once."""
    return build(getattr(settings, "EVENTSTORE", {}))
