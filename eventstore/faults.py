"""Named boundaries between steps, where a process may end: a test lets it end there. In production nobody is armed.

One look at a module's variable each; `eventstore.testing.Faults` arms it.
"""

from collections.abc import Callable

#: Every boundary of the engine, and what has happened when it is reached.
STEPS = {
    "work.committing": "a unit of work is done; neither its rows nor its events are committed",
    "work.committed": "its events are committed; nobody has been told",
    "relay.published": "the stream has a batch; the relay's checkpoint has not moved",
    "relay.committed": "the relay's checkpoint has moved; no consumer has been told",
    "attempt.counted": "a consumer's attempt is counted and committed; nothing is read or handled",
    "checkpoint.moved": "a consumer's checkpoint has moved in an open transaction; nothing is handled",
    "handlers.done": "a batch is handled; its effects and the checkpoint are not committed",
    "attempt.handled": "one event is handled in its savepoint, which is still open",
    "key.parked": "a key waits because an event of it failed, in an open transaction",
    "retry.claimed": "a parked key's attempt is counted and committed; nothing is retried",
    "retry.handled": "a parked key caught up, in an open transaction",
    "effect.begun": "a call to the outside is noted as begun; it is not made",
    "effect.called": "the call was made; that it is done is not noted",
    "effect.noted": "the call's receipt is kept; the step that called is not committed",
    "saga.stepped": "sagas took a step; neither memories nor commands are committed",
    "command.claimed": "a saga's command is counted as begun, and committed; it is not carried out",
    "command.carried_out": "a saga's command was carried out; that it is done is not committed",
    "deadline.fired": "a saga's deadline passed, in an open transaction",
    "run.stepped": "a run made a step of its own; it goes on",
    "run.finishing": "a run has delivered everything; it does not say so yet",
}

_armed: Callable[[str], None] | None = None


def step(name: str) -> None:
    """The code is at this boundary."""
    if _armed is not None:
        _armed(name)


def arm(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of every boundary that is reached from now on; None disarms. For tests."""
    global _armed
    _armed = hook
