"""A run as a consumer: the same engine delivers to it, with checkpoints and parked keys under a name of its own."""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

import msgspec

from eventstore.context import acting
from eventstore.delivery import Consumer, Retry, consumer_named, find_by
from eventstore.errors import UnknownName
from eventstore.messages import Envelope
from eventstore.models import Run
from eventstore.projections import Projection
from eventstore.runs import shadows
from eventstore.runs.selections import Selection, read

KIND = "run"


class RunLane(Consumer):
    """The consumer of a run, with the handlers of the consumer that it delivers to again."""

    kind = KIND
    queue = "runs"
    exclusive = True

    def __init__(self, run: Run) -> None:
        # Not announced to the registry: nothing that happens from now on is for a run.
        self.run_id = run.id
        self.base = consumer_named(run.consumer)
        self.name, self.identity = run.lane, self.base.identity
        self.ordered_by = self.base.ordered_by
        self.handlers = self.base.handlers
        self.lanes = self.base.lanes
        self.durable = run.target == Run.Target.LIVE and self.base.durable
        # A run does not wait: what fails is dead at once and counted, and a person decides.
        self.retry = Retry(attempts=1, first=timedelta(seconds=1))
        self.shadow = run.schema if run.target == Run.Target.SHADOW else None
        self.effects = run.effects
        # No more at once than a second's worth: what follows a step's pause is never a gush, and a pause is noticed soon.
        self.batch = run.rate
        self.selection = msgspec.convert(run.selection, Selection)
        self.select = self._select

    def _select(self, partition: int, after: int, until: int, limit: int) -> list[Envelope]:
        return read(self.selection, tuple(self.handlers), partition, after, until, limit)

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Hand a batch to the handlers of the base consumer, over shadow tables if that is the target."""
        with acting(replay=str(self.run_id), effects=self.effects):
            if self.shadow is None:
                self.base.handle(envelopes)
                return
            with shadows.looking_at(self.shadow):
                self.base.handle(envelopes)
                if isinstance(self.base, Projection):
                    shadows.note_touches(self.base, envelopes)


@lru_cache(maxsize=64)
def _lane_of(run_id: UUID) -> RunLane:
    return RunLane(Run.objects.get(pk=run_id))


def lane_named(name: str) -> RunLane:
    """The consumer of a run by the name of its lane. What a run does never changes, so it is read once. Raises UnknownName."""
    try:
        return _lane_of(UUID(name.removeprefix(f"{KIND}:")))
    except (Run.DoesNotExist, ValueError):
        raise UnknownName(kind="run", name=name, known="see manage.py replay --list") from None


find_by(KIND, lane_named)
