"""The fault kit: workers that die at named boundaries, meet each other and lose the broker, as a seed decides."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self
from unittest import mock

from eventstore import faults
from eventstore.delivery import Consumer, all_consumers, drain, relay_partition, retry_due, sweep
from eventstore.errors import TransportDown, UnknownName
from eventstore.log import current_position
from eventstore.models import Checkpoint
from eventstore.sagas import Saga, carry_out_due, fire_due
from eventstore.testing.brokers import forget, unreliable
from eventstore.testing.children import die, in_child
from eventstore.testing.passing_time import let_time_pass

#: Boundaries at which no transaction is open: another worker may come and go while this one is held up.
OPEN = frozenset({"work.committed", "relay.committed", "attempt.counted", "retry.claimed", "command.claimed", "run.stepped"})
#: What the boundaries of the engine are about; an app's own begin otherwise.
ENGINE = frozenset(name.partition(".")[0] for name in faults.STEPS)
#: Boundaries at which a handler's own error would be noticed.
FALLIBLE = frozenset({"handlers.done", "attempt.handled"})
AWHILE = timedelta(hours=2)  #: long enough for every wait between attempts, and nobody takes a death for a worker beside it


class Crash(BaseException):
    """The process died. No `except Exception` sees it, nothing after it runs, what was not committed is not there."""


class Hiccup(Exception):
    """A handler failed this once."""


def _raise(name: str) -> None:
    raise Crash(faults.STEPS.get(name, name))


class Faults:
    """`with Faults(seed=7) as faults: faults.deliver()`, then `deliver_everything()`, then look whether it all came true.

    Each rate is a probability: `crash` and `overlap` (another worker does its work in between) at every boundary,
    `hiccup` (a handler raises) wherever one ran, `broker` at every call to the transport. `at` names the only
    boundaries at which anybody dies, `consumers` the only ones that work. The same seed does the same again.
    `happened` counts what was done.
    """

    def __init__(
        self,
        seed: int,
        *,
        crash: float = 0.05,
        hiccup: float = 0.03,
        overlap: float = 0.1,
        broker: float = 0.2,
        at: Collection[str] = (),
        consumers: Sequence[Consumer] = (),
    ) -> None:
        for name in at:
            if name not in faults.STEPS and name.partition(".")[0] in ENGINE:
                raise UnknownName(kind="boundary", name=name, known=faults.STEPS)
        self.seed = seed
        self.crash, self.hiccup, self.overlap, self.broker = crash, hiccup, overlap, broker
        self.at = frozenset(at)
        self.happened: Counter[str] = Counter()
        self.consumers = consumers
        self._dice = random.Random(seed)
        self._stack = ExitStack()
        self._beside = self._failing = False
        self._die: Callable[[str], object] = _raise

    def __repr__(self) -> str:
        told = ", ".join(f"{what} ×{times}" for what, times in sorted(self.happened.items()))
        return f"seed {self.seed}: {told or 'nothing happened'}"

    def __enter__(self) -> Self:
        for consumer in self.consumers or all_consumers():
            # A few events at a time, so that there are many boundaries.
            self._stack.enter_context(mock.patch.object(consumer, "batch", self._dice.randint(1, 4)))
        self._stack.enter_context(unreliable(self._dice, self.broker, self.happened))
        faults.arm(self._reached)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Heal: nobody dies any more, the broker answers, and every parked key that is to be retried is due."""
        faults.arm(None)
        self._stack.close()
        if kind is None:
            let_time_pass(AWHILE, deadlines=False)

    def deliver(self, acts: int = 60) -> None:
        """So many acts of a crowd of workers, who relay, consume, retry and sweep in any order, die, and are replaced."""
        for _ in range(acts):
            self.survive(self._choose())

    def deliver_in_children(self, children: int = 8, acts: int = 15) -> None:
        """The same by one process after the other, each of which really dies where the seed says so. In a TransactionTestCase.

        What a child published to streams in memory goes with it; what it committed stays.
        """
        for _ in range(children):
            seed = self._dice.randrange(2**32)
            if not in_child(lambda seed=seed: self._live(seed, acts)):  # type: ignore[misc]
                self.happened["a process died"] += 1
            let_time_pass(AWHILE, deadlines=False)

    def _live(self, seed: int, acts: int) -> None:
        self._dice.seed(seed)
        self._die = die
        self.deliver(acts)

    def survive(self, work: Callable[[], object]) -> bool:
        """Do this, perhaps not to its end; False when its process died. The next one comes at once or after a while."""
        try:
            work()
        except Crash:
            if self._dice.random() < 0.7:
                let_time_pass(AWHILE, deadlines=False)
            return False
        except TransportDown:
            pass  # the task failed; a sweep sends the next hint
        return True

    def _choose(self) -> Callable[[], object]:
        heads = {partition: head for partition, head in current_position().heads.items() if head} or {0: 0}
        consumer, lane = self._dice.choice(self.consumers or all_consumers()), self._dice.choice(list(heads))
        weights = {
            "relay": 4,
            "consume": 8,
            "retry": 4,
            "sagas": 4 if any(isinstance(one, Saga) for one in self.consumers or all_consumers()) else 0,
            "sweep": 1,
            "forget": 0.5 if self.broker else 0,
        }
        match self._dice.choices(list(weights), list(weights.values()))[0]:
            case "relay":
                return lambda: relay_partition(lane)
            case "consume":
                # Mostly where something waits; else it is a hint that came twice. Who is not named for long is delayed.
                stands = Checkpoint.objects.filter(consumer=consumer.name).values_list("partition", "position").order_by("partition")
                behind = [partition for partition, position in stands if position < heads.get(partition, 0)]
                lane = self._dice.choice(behind) if behind and self._dice.random() < 0.8 else lane
                return lambda: drain(consumer, lane)
            case "retry":
                return self._retry
            case "sagas":
                return self._sagas
            case "sweep":
                return sweep
            case _:
                return lambda: forget(self.happened)

    def _retry(self) -> None:
        let_time_pass(AWHILE, deadlines=False)
        retry_due()

    def _sagas(self) -> None:
        let_time_pass(AWHILE, deadlines=False)
        carry_out_due()
        fire_due()

    def _reached(self, name: str) -> None:
        if (not self.at or name in self.at) and self._dice.random() < self.crash:
            self.happened[f"a crash at {name}"] += 1
            self._die(name)
        if name == "attempt.counted":
            self._failing = False
        if name in FALLIBLE and self._dice.random() < (0.5 if self._failing else self.hiccup):
            self.happened["a handler's error"] += 1
            self._failing = True  # what failed with the whole batch likely fails again with one event of it
            raise Hiccup("once")
        if name in OPEN and not self._beside and self._dice.random() < self.overlap:
            self.happened["another worker in between"] += 1
            self._beside = True
            try:
                self.survive(self._other(name))
            finally:
                self._beside = False

    def _other(self, name: str) -> Callable[[], object]:
        """What another worker does meanwhile: most likely the very same, which is when it hurts."""
        return self._everybody if self._dice.random() < 0.7 else self._choose()

    def _everybody(self) -> None:
        for partition, head in current_position().heads.items():
            if head:
                relay_partition(partition)
                for consumer in self.consumers or all_consumers():
                    drain(consumer, partition)
        self._sagas()
