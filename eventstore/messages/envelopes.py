"""An envelope: one recorded event with where it stands, when it happened and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from eventstore.messages.codec import decode_event, encode
from eventstore.messages.events import Event


class Envelope(msgspec.Struct, frozen=True):
    """What the log keeps of one event. `data` stays bytes until somebody asks for `event`."""

    partition: int
    position: int
    id: UUID
    stream: str
    version: int
    name: str
    schema_version: int
    data: msgspec.Raw
    facts: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime

    @property
    def event(self) -> Event:
        """The event, upcast to its newest version. Raises UnknownEvent, UnreadableEvent."""
        return decode_event(self.name, self.schema_version, bytes(self.data), self.id)

    @property
    def actor(self) -> str:
        return str(self.facts.get("actor", ""))

    @property
    def correlation(self) -> str:
        """The id of the whole story; a story that began here has this event's own id."""
        return str(self.facts.get("correlation") or self.id)

    @property
    def story(self) -> dict[str, str]:
        """The facts of an act because of this event: `with acting(**envelope.story)`."""
        return {"causation": str(self.id), "correlation": self.correlation}


_decoder = msgspec.json.Decoder(Envelope)


def pack(envelope: Envelope) -> bytes:
    """The JSON that travels on a stream."""
    return encode(envelope)


def unpack(packed: bytes) -> Envelope:
    """An envelope from the JSON that travelled."""
    return _decoder.decode(packed)
