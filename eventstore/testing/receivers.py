"""A receiver outside that remembers every call it got: a rollback here takes nothing back there."""

from collections import Counter
from collections.abc import Hashable
from typing import Any

from eventstore.testing.invariants import Breach


class Receiver:
    """Stands for a bank, a mail server, somebody's webhook: `receiver.take(key)` is a call that really happened."""

    def __init__(self) -> None:
        self.calls: list[Hashable] = []

    def take(self, key: Hashable) -> dict[str, Any]:
        """Receive a call; return a receipt for it."""
        self.calls.append(key)
        return {"receipt": len(self.calls)}

    def then_at_most_once(self) -> None:
        """No key was called twice. Raises Breach."""
        twice = {key: times for key, times in Counter(self.calls).items() if times > 1}
        if twice:
            raise Breach(
                f"The outside was called more than once for {', '.join(f'{key} ({times} times)' for key, times in twice.items())}."
            )
