"""Redis or Valkey: may lose everything, must not drop things silently or hold what the log does not have."""

from collections.abc import Iterator

from eventstore import health
from eventstore.delivery import transport
from eventstore.delivery.epochs import divergence
from eventstore.doctor.reports import Report, advice, finding, ok
from eventstore.errors import TransportDown

OLDEST = {"redis": 7, "valkey": 8}


def server() -> Iterator[Report]:
    """It answers, is new enough, and never evicts."""
    try:
        told = transport().facts()
    except TransportDown as down:
        yield finding("streams", str(down), "Start Redis or Valkey, or name another one in REDIS_URL.")
        return
    kind, version = told.get("server", "memory"), told.get("version", "")
    if kind in OLDEST and int(version.partition(".")[0]) < OLDEST[kind]:
        yield finding("streams", f"{kind} {version}; Daybook needs Redis 7 or Valkey 8", "Upgrade it, or name another one in REDIS_URL.")
    else:
        yield ok("streams", f"{kind} {version}".strip())
    policy = told.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        yield ok("maxmemory-policy", policy)
    else:
        fact = f"It is {policy}: whole streams would disappear when memory is full"
        yield finding("maxmemory-policy", fact, "Set maxmemory-policy noeviction; a full Redis then refuses, and the log keeps.")


def tips() -> Iterator[Report]:
    """No stream ends with an event that the log does not have."""
    lost = 0
    try:
        for lane in health.lanes():
            if reason := lane.stopped or divergence(lane.partition):
                fix = f"See what the restore lost and begin anew: manage.py relay --new-epoch {lane.partition} --reason …"
                yield finding("stream tips", f"Partition {lane.partition} is not published: {reason}", fix)
                lost += 1
    except TransportDown:
        return  # said above
    if not lost:
        yield ok("stream tips", "the log has what the streams end with")
    slowest = max((lane.repairs for lane in health.lanes()), default=0)
    if slowest > 100:
        fix = "Look for whoever flushes or restarts Redis: nothing is lost, but everything is published again."
        yield advice("repairs", f"A stream had lost entries {slowest} times", fix)
