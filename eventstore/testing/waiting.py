"""Wait for what follows from an event, no longer than was promised; when it takes too long, say where the event hangs."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.core.exceptions import ObjectDoesNotExist

from eventstore.conf import conf
from eventstore.messages import Envelope
from eventstore.testing.deliveries import deliver_once
from eventstore.testing.whereabouts import where_it_hangs

T = TypeVar("T")

PAUSE = 0.02  #: seconds between two looks


class TookTooLong(AssertionError):
    """What was promised within a time did not come."""


def eventually(check: Callable[[], T], *, within: timedelta, event: Envelope | None = None, deliver: bool | None = None) -> T:
    """Look until `check` gives something that is true, and return it. Raises TookTooLong with the places where events hang.

    A look that raises AssertionError or finds no row has found nothing yet. `event` narrows the places down to that event.
    Workers deliver; where nobody does, because hints go nowhere (WAKE is off, as in tests), this call does: `deliver`.
    """
    deliver = not conf().WAKE if deliver is None else deliver
    until = time.monotonic() + within.total_seconds()
    while True:
        last: Exception | None = None
        try:
            if found := check():
                return found
            said = f"the last look found {found!r}"
        except (AssertionError, ObjectDoesNotExist) as error:
            last, said = error, f"{type(error).__name__}: {error}"
        if time.monotonic() >= until:
            raise TookTooLong(_sentence(within, said, where_it_hangs(event))) from last
        if not (deliver and deliver_once()):
            time.sleep(PAUSE)


def _sentence(within: timedelta, said: str, places: list[str]) -> str:
    if not places:
        places = ["nowhere: every consumer has taken every event. What is looked for does not follow from what was recorded."]
    return f"Not within {within.total_seconds():g} s; {said}.\nWhere it hangs:\n" + "\n".join(f"- {place}" for place in places)
