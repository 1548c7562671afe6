"""Another payload for one event, for one consumer: checked against the event's schema; the log keeps the original."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jsonpatch
import jsonschema_rs
import msgspec
from msgspec.structs import replace

from eventstore.context import current_facts
from eventstore.delivery.consumers import Consumer
from eventstore.errors import EventStoreError, Refused
from eventstore.messages import Envelope, class_of, decode_event, encode, name_of
from eventstore.models import Correction
from eventstore.schemas import schema_of


def correct(consumer: Consumer, envelope: Envelope, data: dict[str, Any], reason: str) -> Correction:
    """Keep a corrected payload for a consumer. Raises Refused, listing everything that is wrong with it by pointer."""
    cls = class_of(envelope.name, envelope.schema_version)
    if problems := mistakes(cls, data):
        raise Refused(f"The payload does not read as {envelope.name}.", code="schema_mismatch", status=422, errors=problems)
    original = payload(envelope)
    # Read and written once, so that what is compared and kept is what a handler will get.
    corrected = msgspec.to_builtins(decode_event(envelope.name, name_of(cls)[1], encode(data), envelope.id))
    patch = jsonpatch.make_patch(original, corrected).patch
    if not patch:
        raise Refused("Nothing was changed; retry the key without a correction.", code="nothing_changed", status=422)
    return Correction.objects.create(
        consumer=consumer.identity,
        event_id=envelope.id,
        patch=patch,
        data=corrected,
        reason=reason,
        author=str(current_facts().get("actor", "")),
    )


def payload(envelope: Envelope) -> Any:
    """What an event says, as the newest version of its class; as it was recorded when it does not read as that."""
    try:
        return msgspec.to_builtins(envelope.event)
    except EventStoreError:
        return msgspec.json.decode(envelope.data)


def mistakes(cls: type, data: Any) -> list[dict[str, str]]:
    """Everything that is wrong with a payload, each with its RFC 6901 pointer."""
    found = [
        {"pointer": "#" + "".join(f"/{_escape(step)}" for step in error.instance_path), "detail": error.message, "code": error.kind.name}
        for error in _validator(cls).iter_errors(data)
    ]
    if not found:
        try:
            msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            found = [{"pointer": "#", "detail": str(error), "code": "type"}]
    return found


def _escape(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


@cache
def _validator(cls: type) -> Any:
    return jsonschema_rs.validator_for(schema_of(cls))


def apply(consumer: Consumer, envelopes: Sequence[Envelope]) -> list[Envelope]:
    """The events as this consumer is to read them: the newest correction where there is one."""
    made = Correction.objects.filter(consumer=consumer.identity, event_id__in=[envelope.id for envelope in envelopes])
    newest = {correction.event_id: correction.data for correction in made.order_by("made_at")}
    return [rewritten(envelope, newest[envelope.id]) if envelope.id in newest else envelope for envelope in envelopes]


def rewritten(envelope: Envelope, data: Any) -> Envelope:
    """The event with another payload, which is one of the newest version: nothing leads it on from the recorded one."""
    newest = name_of(class_of(envelope.name, envelope.schema_version))[1]
    return replace(envelope, data=msgspec.Raw(encode(data)), schema_version=newest)


def note_outcome(consumer: Consumer, envelope: Envelope, *, failed: bool) -> None:
    """What became of the newest correction of an event."""
    outcome = Correction.Outcome.FAILED if failed else Correction.Outcome.PROCESSED
    newest = Correction.objects.filter(consumer=consumer.identity, event_id=envelope.id).order_by("-made_at").first()
    if newest is not None:
        Correction.objects.filter(pk=newest.pk).update(outcome=outcome)
