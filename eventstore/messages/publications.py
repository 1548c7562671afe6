"""Publications: which events go outside, under which name, in which versions and forms."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from eventstore.errors import NameTaken, NotPublished, UnreadableEvent
from eventstore.messages.downcasting import downcast
from eventstore.messages.envelopes import Envelope
from eventstore.messages.events import Event, Value, name_of

#: `full` says everything, so that a reader need not ask back; `notification` says that something happened, and to whom.
Form = Literal["full", "notification"]


class Publication(Value):
    """What the outside gets of one event."""

    event: str  #: its name in the log
    name: str  #: its name outside
    newest: int  #: the version it is written with
    versions: tuple[int, ...]  #: those that go out, oldest first
    forms: tuple[Form, ...]  #: those that may be asked for; the first one is given to whoever does not ask
    notification: tuple[str, ...]  #: the fields of the notification

    def choose(self, version: int | None = None, form: str | None = None) -> tuple[int, Form]:
        """What a reader gets who asks for this; the newest version and the first form without asking. Raises NotPublished."""
        wanted = self.versions[-1] if version is None else version
        found: Form | None = next((each for each in self.forms if form in (None, each)), None)
        if wanted not in self.versions or found is None:
            asked = f"version {wanted}" + (f" as {form}" if form else "")
            raise NotPublished(name=self.name, asked=asked, published=str(self))
        return wanted, found

    def __str__(self) -> str:
        return f"version {' and '.join(map(str, self.versions))} as {' or '.join(self.forms)}"


_publications: dict[str, Publication] = {}


def publish(
    cls: type[Event],
    *,
    as_: str = "",
    versions: Sequence[int] = (),
    forms: Sequence[Form] = ("full",),
    notification: Sequence[str] = (),
) -> Publication:
    """Declare what goes outside of an event: `publish(OrderPlaced, versions=(1, 2), forms=("full", "notification"), notification=(…))`.

    Without versions it is the newest one. Earlier ones need a down-converter for each step (@downcasts). Raises NameTaken.
    """
    inner, newest = name_of(cls)
    name = as_ or inner
    for other in _publications.values():
        if other.event != inner and name == other.name:
            raise NameTaken(name=name, owner=f"the publication of {other.event}")
    found = Publication(
        event=inner,
        name=name,
        newest=newest,
        versions=tuple(sorted(versions)) or (newest,),
        forms=tuple(forms),
        notification=tuple(notification),
    )
    _publications[inner] = found
    return found


def all_publications() -> list[Publication]:
    """Every publication of the running code, by the name outside."""
    return sorted(_publications.values(), key=lambda publication: publication.name)


def publication_of(name: str) -> Publication:
    """The publication of an event, by its name in the log or outside. Raises NotPublished."""
    found = _publications.get(name) or next((each for each in _publications.values() if each.name == name), None)
    if found is None:
        raise NotPublished(name=name, asked="any version", published="nothing: it is internal")
    return found


def published(envelope: Envelope, version: int | None = None, form: str | None = None) -> dict[str, Any]:
    """What the outside reads of a recorded event: a payload of that version, in that form. Raises NotPublished, UnreadableEvent."""
    publication = publication_of(envelope.name)
    wanted, shape = publication.choose(version, form)
    payload: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(envelope.event))
    try:
        payload = downcast(publication.event, publication.newest, wanted, payload)
        return {field: payload[field] for field in publication.notification if field in payload} if shape == "notification" else payload
    except Exception as error:  # a down-converter is anybody's code
        told = f"version {wanted} ({shape})"
        raise UnreadableEvent(id=envelope.id, name=envelope.name, version=envelope.schema_version, cls=told, reason=repr(error)) from error
