"""Reversals over HTTP: an event taken back by a command of its owner.

Next: eventstore/reversing says whether that is possible, and does it.
"""

from uuid import UUID

from eventstore.api.doors import Answer, Wish, accepts
from eventstore.api.run_shapes import Reason
from eventstore.api.views import ApiView
from eventstore.messages import Command
from eventstore.reversing import Reversed, reverse


class ReverseEvent(Command):
    """Take an event back, for a reason."""

    event_id: UUID
    reason: Reason


class ReverseView(ApiView):
    @accepts(ReverseEvent, scope="ops:write", answer=Reversed)
    def post(self, wish: Wish[ReverseEvent]) -> Answer:
        """Reverse an event.

        409 with the reason when it cannot be reversed, was reversed before (`reversed_by`), or when later events stand on it
        (`dependents`): those are reversed first. What its owner refuses is refused in the owner's words.
        """
        return Answer(body=reverse(wish.command.event_id, wish.command.reason))
