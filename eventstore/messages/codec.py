"""Bytes to events and back: the one place that knows JSON."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec

from eventstore.errors import UnreadableEvent
from eventstore.messages.events import Event, class_of, name_of
from eventstore.messages.upcasting import upcast

_encoder = msgspec.json.Encoder()


@cache
def _decoder(cls: type[Event]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cls)


def encode(value: Any) -> bytes:
    """Compact JSON of a message or of plain values."""
    return _encoder.encode(value)


def decode_event(name: str, version: int, data: bytes | str, event_id: UUID | None = None) -> Event:
    """An event of the newest version from what was recorded. Raises UnknownEvent, UnreadableEvent."""
    cls = class_of(name, version)
    newest = name_of(cls)[1]
    try:
        if version < newest:
            payload = upcast(name, version, newest, msgspec.json.decode(data))
            return msgspec.convert(payload, cls)
        read: Event = _decoder(cls).decode(data)
    except Exception as error:  # an upcaster is anybody's code: whatever it raises, this event does not read
        raise UnreadableEvent(id=event_id, name=name, version=version, cls=cls.__qualname__, reason=error) from error
    return read
