"""What a reversal would do, before anybody decides: the whole of it happens and is taken back."""

from typing import Any
from uuid import UUID

import msgspec

from eventstore.errors import EventStoreError, Refused
from eventstore.log import read_event, savepoint, unit_of_work
from eventstore.messages import Envelope, command_name
from eventstore.reversing.dependents import Dependent, dependents_of
from eventstore.reversing.undoing import compensation, find, reverse

UNSAID = "a rehearsal"


class Plan(msgspec.Struct):
    """What would be done, or why not."""

    event: Envelope
    command: str = ""
    wanted: dict[str, Any] = {}  #: the command's fields
    follows: tuple[str, ...] = ()  #: the events that would be recorded
    dependents: list[Dependent] = []
    why_not: str = ""  #: empty when it can be done now
    code: str = ""


class _TakenBack(Exception):
    """It went well, and that is all anybody wanted to know."""


def rehearse(event_id: UUID, reason: str = "") -> Plan:
    """Reverse an event and take that back; say what would follow. Holds the owner's locks for that long. Raises Refused (404)."""
    envelope = read_event(event_id)
    if envelope is None:
        raise Refused(f"There is no event {event_id}.", code="event_not_found", status=404)
    plan = Plan(envelope)
    try:
        _, reversal = find(event_id)
        wanted = compensation(envelope, reversal, reason or UNSAID)
        plan.command, plan.wanted = command_name(type(wanted)), msgspec.to_builtins(wanted)
        plan.dependents = dependents_of(envelope, reversal)
        with unit_of_work(), savepoint():
            plan.follows = reverse(event_id, reason or UNSAID).follows
            raise _TakenBack
    except _TakenBack:
        pass
    except EventStoreError as error:
        plan.why_not, plan.code = str(error), getattr(error, "code", "")
    return plan
