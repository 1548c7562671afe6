"""Stories of a saga: given events, when one more, then commands, deadlines, a memory, an end. In memory, through its own reactions."""

from datetime import timedelta
from typing import Any, Self
from uuid import UUID

import msgspec

from eventstore.messages import Command, Envelope, Event, command_name, decode_command
from eventstore.sagas import CommandRefused, CompensationRequested, DeadlinePassed, Saga, Step, saga_id
from eventstore.testing.differences import differences, must_be
from eventstore.testing.recordings import BEGINNING, Recorded, envelopes_of


class SagaStory:
    """`SagaStory(fulfilment).given(placed).when(held).then_commands(ConfirmOrder(…)).then_finished("confirmed")`.

    `then_commands` looks at what the last `when`, `deadline`, `refused` or `compensate` led to; the other words look at how it stands.
    """

    def __init__(self, saga: Saga) -> None:
        self.saga = saga
        self.key = ""
        self.state: Any = saga.state()
        self.status, self.outcome, self.trouble = "", "", ""
        self._started_by = ""
        self._count = 0
        self._sent: list[Command] = []
        self._open: list[Command] = []
        self._waiting: dict[str, timedelta] = {}

    def given(self, *happened: Event | Recorded) -> Self:
        """What it has heard before."""
        self.when(*happened)
        self._sent = []
        return self

    def when(self, *happened: Event | Recorded) -> Self:
        """What it hears now."""
        self._sent = []
        for said in happened:
            self._hear(said)
        return self

    def deadline(self, name: str) -> Self:
        """This deadline passes, for which it waits."""
        if name not in self._waiting:
            raise AssertionError(f"{self.saga.name} does not wait for {name}; it waits for {', '.join(self._waiting) or 'nothing'}.")
        due_at = BEGINNING + self._waiting.pop(name)
        return self.when(self._own(DeadlinePassed(saga=self.saga.name, key=self.key, name=name, due_at=due_at)))

    def refused(self, cls: type[Command], code: str = "refused", detail: str = "Not possible, says the story.") -> Self:
        """The last command of this class that it sent is refused."""
        command = next((sent for sent in reversed(self._open) if type(sent) is cls), None)
        if command is None:
            names = ", ".join(type(sent).__name__ for sent in self._open) or "none"
            raise AssertionError(f"{self.saga.name} has sent no {cls.__name__} that could be refused; it has sent {names}.")
        self._open.remove(command)
        name = command_name(cls)
        told = {
            "saga": self.saga.name,
            "key": self.key,
            "command_id": UUID(int=self._count),
            "command": name,
            "code": code,
            "detail": detail,
        }
        self.when(self._own(msgspec.convert(told | {"data": msgspec.to_builtins(command)}, CommandRefused)))
        if name not in self.saga.refusals:
            self.trouble = f"{name} was refused and nobody reacts: {detail}"
        return self

    def compensate(self, reason: str = "because") -> Self:
        """A person wants it to undo what it did."""
        return self.when(self._own(CompensationRequested(saga=self.saga.name, key=self.key, reason=reason)))

    def then_commands(self, *expected: Command) -> Self:
        """It sends exactly these, in this order; none says that nothing follows."""
        must_be(expected, self._sent, "command")
        return self

    def then_deadlines(self, **expected: timedelta) -> Self:
        """It waits for exactly these, for so long; none says that it waits for nothing."""
        self._must(differences(expected, self._waiting, "deadlines"))
        return self

    def then_state(self, state: Any = None, **fields: Any) -> Self:
        """It remembers this: a whole memory, or these fields of it."""
        if state is not None:
            self._must(differences(state, self.state))
        self._must(line for name, value in fields.items() for line in differences(value, getattr(self.state, name), name))
        return self

    def then_finished(self, outcome: str) -> Self:
        """It has ended like this."""
        self._must(differences(("finished", outcome), (self.status, self.outcome), "end"))
        return self

    def then_running(self) -> Self:
        """It goes on, and nobody needs to look."""
        self._must(differences(("running", ""), (self.status, self.trouble), "stands"))
        return self

    def then_compensating(self) -> Self:
        """It is on its way back."""
        self._must(differences("compensating", self.status, "status"))
        return self

    def then_nobodys(self) -> Self:
        """There is no saga: nothing that happened begins one."""
        self._must(differences("", self.status, "status"))
        return self

    def _must(self, different: Any) -> None:
        if told := list(different):
            raise AssertionError(f"{self.saga.name} {self.key} is otherwise.\n   " + "\n   ".join(told))

    def _own(self, event: Event) -> Recorded:
        if not self.status:
            raise AssertionError(f"{self.saga.name} has not begun; give it an event that starts it.")
        return Recorded(event, None, f"saga-{saga_id(self.saga.name, self.key)}", {})

    def _hear(self, said: Event | Recorded) -> None:
        """As the engine does (eventstore/sagas/engine.py), without rows."""
        (envelope,) = envelopes_of([said], after=self._count)
        self._count += 1
        if envelope.name not in self.saga.handlers:
            return
        key = self.saga.key_for(envelope)
        begins = envelope.name in self.saga.starts
        if key is None or (self.status and key != self.key) or not (self.status or begins):
            return
        if self.status and begins and self._started_by == envelope.name:
            return  # begun already
        step = self.saga.react(self.state, envelope.event, envelope, late=self.status == "finished")
        if step is not None:
            self._take(step, key, envelope)

    def _take(self, step: Step, key: str, envelope: Envelope) -> None:
        late = self.status == "finished"
        self.key = key
        self._started_by = self._started_by or envelope.name
        # Memory and commands are kept as rows: they must survive that.
        self.state = msgspec.convert(msgspec.to_builtins(step.state), self.saga.state)
        sent = [decode_command(command_name(type(command)), msgspec.to_builtins(command)) for command in step.commands]
        self._sent += sent
        self._open += sent
        if not late:
            self.status = "finished" if step.finished else "compensating" if step.compensating else self.status or "running"
            self.outcome = step.finished
        kept = {} if step.finished else {name: after for name, after in self._waiting.items() if name not in step.cancel}
        self._waiting = kept if step.finished else kept | step.deadlines
