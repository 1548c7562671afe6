"""Stories of an aggregate: given events, when a command, then events, or a refusal."""

from collections.abc import Callable
from typing import Any, Self

from eventstore.errors import Refused
from eventstore.messages import Command, Event, decode_event, encode, name_of
from eventstore.testing.differences import must_be


class Story:
    """`Story(decide, evolve, OrderState()).given(…).when(…).then(…)`, or `.then_refused(code=…)`. Pure: microseconds."""

    def __init__(self, decide: Callable[[Any, Any], list[Any]], evolve: Callable[[Any, Any], Any], initial: Any) -> None:
        self._decide, self._evolve, self._state = decide, evolve, initial
        self._happened: list[Event] = []
        self._refusal: Refused | None = None

    @property
    def state(self) -> Any:
        """The state after what happened. Raises the refusal that nobody expected."""
        self._nothing_was_refused()
        return self._state

    @property
    def happened(self) -> list[Event]:
        """The events that the last command led to. Raises the refusal that nobody expected."""
        self._nothing_was_refused()
        return self._happened

    def given(self, *events: Event) -> Self:
        """What happened before. Each event passes through its codec, as it would through the log."""
        self._nothing_was_refused()
        for event in events:
            name, version = name_of(type(event))
            self._state = self._evolve(self._state, decode_event(name, version, encode(event)))
        return self

    def when(self, command: Command) -> Self:
        """What somebody wants now. A refusal is kept for `then_refused`; whatever else comes next raises it."""
        self._nothing_was_refused()
        self._happened = []
        try:
            self._happened = self._decide(self._state, command)
        except Refused as refusal:
            self._refusal = refusal
        for event in self._happened:
            self._state = self._evolve(self._state, event)
        return self

    def then(self, *expected: Event) -> Self:
        """Exactly these events follow; none when it was already so."""
        if self._refusal is not None:
            names = ", ".join(type(event).__name__ for event in expected) or "no event"
            raise AssertionError(f"Expected {names}, but it was refused ({self._refusal.code}): {self._refusal}") from self._refusal
        must_be(expected, self._happened)
        return self

    def then_refused(self, code: str = "", contains: str = "", **facts: Any) -> Refused:
        """It was refused, with this code, a sentence that contains this, and these facts; return the refusal."""
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            raise AssertionError(f"Expected a refusal {code}, but this happened: {self._happened or 'nothing, it was already so'}")
        wrong = [f"code: expected {code!r}, was {refusal.code!r}"] if code and code != refusal.code else []
        if contains not in str(refusal):
            wrong.append(f"sentence: expected {contains!r} in it, was {str(refusal)!r}")
        for name, expected in facts.items():
            if refusal.facts.get(name) != expected:
                wrong.append(f"{name}: expected {expected!r}, was {refusal.facts.get(name)!r}")
        if wrong:
            raise AssertionError("It was refused, but otherwise.\n   " + "\n   ".join(wrong)) from refusal
        return refusal

    def _nothing_was_refused(self) -> None:
        if self._refusal is not None:
            raise self._refusal
