"""Staff at work while the shop is being broken: rebuild beside and swap, replay, retry what is parked. A process of its own."""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from uuid import UUID

from django.db import Error, connection

from eventstore.context import acting
from eventstore.delivery import repairs
from eventstore.errors import EventStoreError, Refused
from eventstore.models import ParkedKey, Run
from eventstore.projections import all_projections
from eventstore.runs import Selection, catch_up, change, rebuild_beside, replay, roll_back, swap

WHY = "chaos"
PATIENCE = 20.0  #: seconds that staff wait for a run before they cancel it


class Staff:
    """Acts by the dice until it is told to stop; what it did, and what was wrong, is written down after each act."""

    def __init__(self, seed: int, tally: Path) -> None:
        self.dice = Random(seed)
        self.tally = tally
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.is_over = self.dead = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_: object) -> None:
        self.is_over = True

    def live(self) -> None:
        acts: list[Callable[[], None]] = [self.rebuild_and_swap, self.rebuild_and_swap, self.replay, self.retry_parked]
        with acting(actor="user:staff"):
            while not self.is_over:
                self.attempt(self.dice.choice(acts))
                time.sleep(self.dice.random())
            for _ in range(20):  # nobody else brings back what is dead; what retries by itself comes by itself
                self.attempt(self.retry_dead)
                if not self.dead:
                    break
                time.sleep(0.3)

    def attempt(self, act: Callable[[], None]) -> None:
        """One act; what a broken database takes away is simply not done."""
        try:
            act()
        except Refused as refusal:
            if refusal.code == "undeclared_differences":
                self.wrong.append(str(refusal))
            self.done[f"refused: {refusal.code}"] += 1
        except (Error, EventStoreError) as error:
            self.done[f"broken off: {type(error).__name__}"] += 1
            with suppress(Error):
                connection.close()
        self.tally.write_text(json.dumps({"done": self.done, "wrong": self.wrong}))

    def rebuild_and_swap(self) -> None:
        """The rows of a rebuild must be the live ones: the equality gate is part of the proof. Every fourth is rolled back."""
        run = rebuild_beside(self.dice.choice(all_projections()).name, reason=WHY)
        if self.wait_for(run.id, Run.State.READY):
            catch_up(run.id)
            swap(run.id, WHY)
            self.done["swaps"] += 1
            if self.dice.random() < 0.25:
                roll_back(run.id, WHY)
                self.done["rollbacks"] += 1

    def replay(self) -> None:
        run = replay("chaos.again", Selection(), reason=WHY, effects="run", typed="chaos.again")
        if run.state == Run.State.WAITING:  # some of the events carry money
            with acting(actor="user:second person"):
                change(run.id, "approve", WHY)
        if self.wait_for(run.id, Run.State.COMPLETED):
            self.done["replays"] += 1

    def retry_dead(self) -> None:
        self.dead = True  # unless the database says otherwise
        found = list(ParkedKey.objects.filter(state=ParkedKey.State.DEAD).values_list("pk", flat=True))
        self.dead = bool(found)
        repairs.retry(found, WHY)

    def retry_parked(self) -> None:
        waiting = list(ParkedKey.objects.filter(state__in=ParkedKey.WAITING).values_list("pk", flat=True)[:5])
        acted = repairs.retry(waiting, WHY)
        self.done["redrives"] += sum(one.became == "processed" for one in acted)

    def wait_for(self, run_id: UUID, state: str) -> bool:
        """Whether the worker of the runs brought it there in time; else it is cancelled."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not self.is_over:
            if Run.objects.get(pk=run_id).state == state:
                return True
            time.sleep(0.2)
        change(run_id, "cancel", WHY)
        return False


def main() -> None:
    seed, tally = sys.argv[1:]
    Staff(int(seed), Path(tally)).live()
