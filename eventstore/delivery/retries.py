"""How long to wait before trying again: arithmetic."""

import random
from datetime import timedelta

from eventstore.errors import EventStoreError, UnknownEvent, UnreadableEvent
from eventstore.messages import Value


class Retry(Value):
    """Exponential waits: first, twice that, four times, up to longest; dead after `attempts` tries.

    `park_now` lists errors that no waiting heals; they are dead at once. `skip` lists errors that mean the event is of no use
    to this consumer: it is left out with a note, and its stream goes on.
    """

    attempts: int = 8
    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(hours=1)
    park_now: tuple[type[Exception], ...] = (UnknownEvent, UnreadableEvent)
    skip: tuple[type[Exception], ...] = ()

    def delay(self, attempt: int, spread: float | None = None) -> timedelta:
        """The wait after the attempt-th failure (from 1), give or take a tenth so that keys do not retry in step.

        `spread` between -1 and 1 replaces the dice.
        """
        doublings = min(attempt - 1, 40)
        wait: timedelta = min(self.first * int(2**doublings), self.longest)
        return wait * (1 + 0.1 * (random.uniform(-1, 1) if spread is None else spread))

    def is_over(self, attempt: int, error: BaseException) -> bool:
        """Whether the key is dead after this failure."""
        return attempt >= self.attempts or isinstance(error, self.park_now)


class ProcessDied(EventStoreError):
    """The process that handled event {id} died {times} times without a word; the key waits so that others can go on."""
