"""Consumers: is everybody told of everything?"""

from collections.abc import Iterator

from eventstore import health
from eventstore.doctor.reports import Report, advice, counted, finding, ok

BEHIND_SECONDS = 60.0


def lags() -> Iterator[Report]:
    """Nobody is far behind."""
    behind = [one for one in health.consumers() if one.kind != health.GONE and one.lag_seconds > BEHIND_SECONDS]
    for one in behind:
        fact = f"{one.name} is {counted(one.lag_events, 'event')} behind, the oldest is {one.lag_seconds:.0f} s old"
        if one.state == "paused":
            yield advice("consumers", f"{fact}: it is paused", "Resume it in the admin when the reason for its pause is gone.")
        else:
            yield finding("consumers", fact, f"Look at its failures and its worker; manage.py consume {one.name} helps by hand.")
    if not behind:
        yield ok("consumers", "nobody is more than a minute behind")


def declarations() -> Iterator[Report]:
    """The code and the database know the same consumers."""
    found = health.consumers()
    for one in found:
        if one.state == health.MISSING:
            yield finding("declarations", f"{one.name} is in the code and has no checkpoint", "Run manage.py migrate.")
        elif one.kind == health.GONE:
            fix = "Deploy the code that declares it. Gone for good? Delete its rows in eventstore_checkpoint and eventstore_consumerstate."
            yield finding("declarations", f"{one.name} has checkpoints, and the code does not declare it: it falls behind", fix)
    if all(one.state != health.MISSING and one.kind != health.GONE for one in found):
        yield ok("declarations", f"{len(found)} consumers, known to the code and to the database")


def dead_letters() -> Iterator[Report]:
    """No key waits for a person."""
    found = health.dead_letters()
    if found.dead:
        fix = "Look with manage.py dead_letters list --state dead, mend the cause, then manage.py dead_letters retry ID."
        yield finding("dead letters", f"{counted(found.dead, 'key')} waiting for a person", fix)
    elif found.retrying:
        yield advice("dead letters", f"{counted(found.retrying, 'key')} failed, to be tried again", "manage.py dead_letters list says why.")
    else:
        yield ok("dead letters", "none")


def alerts() -> Iterator[Report]:
    """What should have followed did."""
    found = health.alerts()
    if found.unseen:
        fact = f"{counted(found.unseen, 'alert')} open that nobody has acknowledged: something should have followed and did not"
        yield finding("alerts", fact, "Look at Alerts in the admin, or GET /api/v1/alerts?state=open; acknowledge what you look after.")
    elif found.open:
        yield advice(
            "alerts", f"{counted(found.open, 'alert')} open, all acknowledged", "They clear themselves when what is missing comes."
        )
    else:
        yield ok("alerts", "none is open")
