"""Schemas over HTTP: which events there are, in which versions and forms they go out, and what their payloads look like."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from eventstore.api.doors import Answer, Question, reads
from eventstore.api.pages import Page, Query
from eventstore.api.problems import Problem
from eventstore.api.views import ApiView
from eventstore.errors import NotPublished
from eventstore.messages import Compatibility, Form, all_publications, publication_of
from eventstore.schemas import Entry, Key, Offer, catalogue, entries, offers, read_shelves


class Chosen(msgspec.Struct, frozen=True):
    """What a reader of the feed gets of one event."""

    name: str
    version: int
    form: Form


class ShownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event and its versions. `goes_out` and `forms` are what may be asked for at /api/v1/events; empty for internal ones."""

    name: str
    title: str
    version: int  #: the one that is written
    versions: list[int]
    goes_out: list[int]
    forms: list[Form]
    compatibility: Compatibility  #: what the next version owes to readers


class ShownSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an event's payload in one form, as JSON Schema 2020-12."""

    name: str
    version: int
    form: Form
    goes_out: bool
    json_schema: Any


class SchemasPage(Page, frozen=True, kw_only=True):
    data: list[ShownEvent]


class ShownVersions(msgspec.Struct, frozen=True, kw_only=True):
    """An event with all its versions and forms."""

    event: ShownEvent
    schemas: list[ShownSchema]


class SchemaQuery(Query):
    form: Literal["full", "notification"] | None = None


class SchemasView(ApiView):
    @reads(scope="events:read", answer=SchemasPage)
    def get(self, question: Question[Query]) -> Answer:
        """List the events of the running code."""
        return Answer(body=SchemasPage(data=[show(entry) for entry in catalogue()]))


class SchemaView(ApiView):
    @reads(scope="events:read", answer=ShownVersions)
    def get(self, question: Question[Query], name: str) -> Answer:
        """Read all versions and forms of an event."""
        made = offers(read_shelves())
        entry = next((entry for entry in entries(made) if name in (entry.name, entry.event)), None)
        if entry is None:
            raise Problem("not_found", f"The running code has no event {name}; /api/v1/schemas lists them.")
        found = [show_schema(key, offer) for key, offer in made.items() if key.name == entry.name]
        return Answer(body=ShownVersions(event=show(entry), schemas=sorted(found, key=lambda each: (each.version, each.form))))


class VersionView(ApiView):
    @reads(SchemaQuery, scope="events:read", answer=ShownSchema)
    def get(self, question: Question[SchemaQuery], name: str, version: int) -> Answer:
        """Read one version of an event; in full, or in the form that goes out."""
        made = offers(read_shelves())
        forms: tuple[Form, ...] = (question.query.form,) if question.query.form else ("full", "notification")
        for form in forms:
            key = Key(name=name, version=version, form=form)
            if key in made:
                return Answer(body=show_schema(key, made[key]))
        known = ", ".join(str(key) for key in sorted(made, key=lambda key: (key.version, key.form)) if key.name == name)
        raise Problem("not_found", f"There is no {name} version {version}. Known: {known or 'none of that name'}.")


def show(entry: Entry) -> ShownEvent:
    """An event as clients see it."""
    return ShownEvent(
        name=entry.name,
        title=entry.title,
        version=entry.version,
        versions=list(entry.versions),
        goes_out=list(entry.goes_out),
        forms=list(entry.forms),
        compatibility=entry.rule,
    )


def show_schema(key: Key, offer: Offer) -> ShownSchema:
    """A schema as clients see it."""
    return ShownSchema(name=key.name, version=key.version, form=key.form, goes_out=offer.status == "published", json_schema=offer.schema)


def choose(names: Sequence[str], version: int | None, form: str | None) -> dict[str, Chosen]:
    """What a reader gets of each event, by its name in the log. Without names: of all that go out as asked. Raises Problem."""
    found: dict[str, Chosen] = {}
    try:
        for publication in map(publication_of, names) if names else all_publications():
            if names or form is None or form in publication.forms:
                found[publication.event] = Chosen(publication.name, *publication.choose(version, form))
    except NotPublished as error:
        raise Problem("not_published", str(error), facts={"published": told()}) from error
    return found


def told() -> dict[str, Any]:
    """Everything that goes out."""
    return {each.name: {"versions": list(each.versions), "forms": list(each.forms)} for each in all_publications()}
