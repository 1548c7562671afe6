"""What the running code publishes: a schema for each event, its earlier versions from the shelves, and its other forms."""

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig

from eventstore.messages import (
    Compatibility,
    Publication,
    Value,
    all_publications,
    compatibility_of,
    name_of,
    registered_events,
)
from eventstore.schemas.derivation import notification_of, schema_of
from eventstore.schemas.shelves import Key, app_of

INTERNAL, PUBLISHED = "internal", "published"


class Offer(Value):
    """One schema that the running code stands for."""

    key: Key
    event: str  #: its name in the log
    schema: dict[str, Any]
    rule: Compatibility
    status: str  #: internal or published


def offers(shelves: Mapping[Key, dict[str, Any]]) -> dict[Key, Offer]:
    """Every schema of the running code's events. Earlier versions are as the shelves have them: no class says them any more."""
    publications = {publication.event: publication for publication in all_publications()}
    found: dict[Key, Offer] = {}
    for event, cls in registered_events().items():
        if app_of(event) is not None:
            publication = publications.get(event)
            newest = name_of(cls)[1]
            known = {key.version: schema for key, schema in shelves.items() if key.name == event and key.form == "full"}
            for version, schema in sorted((known | {newest: schema_of(cls)}).items()):
                if version <= newest:
                    found |= _of_version(event, version, schema, publication)
    return found


def _of_version(event: str, version: int, schema: dict[str, Any], publication: Publication | None) -> dict[Key, Offer]:
    """The forms of one version: as it stands in the log, and as it goes outside."""
    rule = compatibility_of(event)
    goes_out = publication is not None and version in publication.versions
    full = publication.name if publication and goes_out and "full" in publication.forms else ""
    made = [
        Offer(key=Key(name=event, version=version), event=event, schema=schema, rule=rule, status=PUBLISHED if full == event else INTERNAL)
    ]
    if full and full != event:
        made.append(Offer(key=Key(name=full, version=version), event=event, schema=schema, rule=rule, status=PUBLISHED))
    if publication and goes_out and "notification" in publication.forms:
        key = Key(name=publication.name, version=version, form="notification")
        told = notification_of(schema, publication.notification)
        made.append(Offer(key=key, event=event, schema=told, rule=rule, status=PUBLISHED))
    return {offer.key: offer for offer in made}


def owners(made: Mapping[Key, Offer]) -> dict[Key, AppConfig]:
    """The app of each offer."""
    found = {key: app_of(offer.event) for key, offer in made.items()}
    return {key: app for key, app in found.items() if app is not None}
