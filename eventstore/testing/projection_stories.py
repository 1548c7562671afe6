"""Stories of a projection: given events, then rows. In memory, through the projection's own handlers."""

import difflib
from typing import Any, Self

from django.db import models

from eventstore.messages import Envelope, Event
from eventstore.projections import Projection
from eventstore.testing.recordings import Recorded, envelopes_of


class ProjectionStory:
    """`ProjectionStory(order_list).given(placed, recorded(cancelled, at=MONDAY)).then_row(ID, status="cancelled")`."""

    def __init__(self, projection: Projection, *, stream: str = "story-1") -> None:
        self.projection = projection
        self._stream = stream
        self._happened: list[Event | Recorded] = []

    def given(self, *happened: Event | Recorded) -> Self:
        """What happened, in this order; `recorded(event, at=…, stream=…, actor=…)` says more about an event."""
        self._happened += happened
        return self

    @property
    def envelopes(self) -> list[Envelope]:
        """The events as the projection gets them, those that it does not handle left out."""
        return [envelope for envelope in envelopes_of(self._happened, self._stream) if envelope.name in self.projection.handlers]

    def row(self, key: Any) -> models.Model | None:
        """The row of a key, as it would be kept; None when there is none."""
        row = None
        for _, row in self.projection.trace(str(key), self.envelopes):  # noqa: B007 - the last one counts
            pass
        return row

    def then_row(self, key: Any, **fields: Any) -> Self:
        """There is a row of this key, and these fields of it have these values."""
        row = self.row(key)
        if row is None:
            raise AssertionError(f"Expected a row {key} of {self.projection.name}, but there is none. Rows: {self._keys()}")
        known = [field.attname for field in row._meta.concrete_fields]
        wrong = []
        for name, expected in fields.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise AssertionError(f"{type(row).__name__} has no field {name}{f', did you mean {near[0]}?' if near else ''}")
            if getattr(row, name) != expected:
                wrong.append(f"{name}: expected {expected!r}, was {getattr(row, name)!r}")
        if wrong:
            raise AssertionError(f"Row {key} of {self.projection.name} is otherwise.\n   " + "\n   ".join(wrong))
        return self

    def then_no_row(self, key: Any) -> Self:
        """There is no row of this key, never was or not any more."""
        if self.row(key) is not None:
            raise AssertionError(f"Expected no row {key} of {self.projection.name}, but there is one.")
        return self

    def _keys(self) -> str:
        touched = {str(key): None for envelope in self.envelopes for key in self.projection.keys_of(envelope)}
        return ", ".join(key for key in touched if self.row(key) is not None) or "none"
