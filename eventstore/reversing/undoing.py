"""Take an event back: its owner's compensating command in one unit of work, and the events that follow point back."""

from collections.abc import Iterable
from uuid import UUID

from eventstore.context import acting, current_facts
from eventstore.errors import Refused, UnknownEvent, UnreadableEvent
from eventstore.events import OPERATIONS, EventReversed
from eventstore.log import ANY, append, read_event, unit_of_work
from eventstore.messages import Command, Envelope, Reversal, Value, aggregate_of, command_name, dispatch, reversal_of
from eventstore.models import ReversedEvent
from eventstore.moments import state_before
from eventstore.reversing.dependents import must_stand_alone
from eventstore.statements import tell

CLAIM = "INSERT INTO eventstore_reversedevent (event_id, command, by, reason, actor) VALUES (%s, %s, '[]', %s, %s) ON CONFLICT DO NOTHING"


class Reversed(Value):
    """What a reversal did."""

    event_id: UUID
    command: str
    reversed_by: tuple[UUID, ...]  #: the events that followed; each has the fact `reverses`
    follows: tuple[str, ...]  #: their names


def reverse(event_id: UUID, reason: str) -> Reversed:
    """Reverse an event once, or say why not. Raises Refused: not found, irreversible, reversed already, dependents, or the owner's.

    The staff act stands in `operations`; the compensating events are of the event's story and name it as their cause.
    """
    if not reason.strip():
        raise Refused("A reversal needs a reason: it stands in the history for whoever asks later.", code="reason_missing", status=422)
    envelope, reversal = find(event_id)
    with unit_of_work() as work:
        wanted = compensation(envelope, reversal, reason)
        _claim(envelope, command_name(type(wanted)), reason)
        must_stand_alone(envelope, reversal)
        story = {"reason": reason, "causation": str(envelope.id), "correlation": envelope.correlation}
        noted = work.event_count
        with acting(**story, reverses=str(envelope.id)):
            dispatch(wanted)
        # Once more: the owner holds its locks now, so nothing that came in between is overlooked, and nothing more comes.
        must_stand_alone(envelope, reversal)
        by, follows = work.noted_ids[noted:], work.noted_names[noted:]
        if not by:
            raise Refused(
                f"{command_name(type(wanted))} changed nothing: what {envelope.name} {envelope.id} did is not so any more.",
                code="already_so",
            )
        done = Reversed(event_id=envelope.id, command=command_name(type(wanted)), reversed_by=tuple(by), follows=tuple(follows))
        ReversedEvent.objects.filter(pk=envelope.id).update(by=[str(one) for one in by])
        with acting(**story):
            told = EventReversed(event_id=envelope.id, stream=envelope.stream, name=envelope.name, command=done.command, reason=reason)
            append(OPERATIONS, [told], expected=ANY)
    return done


def find(event_id: UUID) -> tuple[Envelope, Reversal]:
    """The event and how it is undone. Raises Refused where there is nothing to undo, or no way."""
    envelope = read_event(event_id)
    if envelope is None:
        raise Refused(f"There is no event {event_id}.", code="event_not_found", status=404)
    reversal = reversal_of(envelope.name)
    if back := envelope.facts.get("reverses"):
        raise Refused(
            f"{envelope.name} {envelope.id} reverses {back}; a reversal is not reversed. Do anew what it took back.",
            code="is_a_reversal",
            reverses=back,
        )
    if reversal is None:
        raise Refused(f"The running code does not know {envelope.name}, so nobody can say how it is reversed.", code="unknown_event")
    if reversal.command is None:
        raise Refused(f"{envelope.name} cannot be reversed. {reversal.because}", code="irreversible", because=reversal.because)
    _must_not_be_reversed(envelope)
    return envelope, reversal


def compensation(envelope: Envelope, reversal: Reversal, reason: str) -> Command:
    """The command that its owner gives for undoing an event. Raises Refused when the event, or one before it, cannot be read."""
    assert reversal.command is not None
    try:
        if not reversal.state_before:
            return reversal.command(envelope.event, envelope, reason)
        owner = aggregate_of(envelope.stream)
        before = None if owner is None else state_before(owner, envelope)
        return reversal.command(envelope.event, envelope, reason, before)
    except (UnknownEvent, UnreadableEvent) as error:
        raise Refused(f"What is to be reversed cannot be read: {error}", code="unreadable_event") from error


def undone(event_ids: Iterable[UUID]) -> dict[UUID, ReversedEvent]:
    """Which of these events were reversed, and how."""
    return ReversedEvent.objects.in_bulk(list(event_ids))


def _claim(envelope: Envelope, command: str, reason: str) -> None:
    """Of two who reverse an event at once the second waits here until the first has committed, and then finds it reversed."""
    if not tell(CLAIM, [envelope.id, command, reason, str(current_facts().get("actor", ""))[:200]]):
        _must_not_be_reversed(envelope)


def _must_not_be_reversed(envelope: Envelope) -> None:
    if before := ReversedEvent.objects.filter(pk=envelope.id).first():
        told = f"{envelope.name} {envelope.id} was reversed at {before.reversed_at:%Y-%m-%d %H:%M:%S} UTC by {', '.join(before.by)}."
        raise Refused(told, code="already_reversed", reversed_by=before.by)
