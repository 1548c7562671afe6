"""The running code against what was published: what is new, what only reads better, and what must not be. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from eventstore.errors import NotPublished
from eventstore.messages import Value, publication_of
from eventstore.schemas.compatibility import Misfit, breaks, differences
from eventstore.schemas.derivation import comparable
from eventstore.schemas.offers import PUBLISHED, Offer
from eventstore.schemas.shelves import Key

#: new: nobody knows it yet. described: other words, same meaning. status: it goes outside, or does no more.
#: changed: published, and now different. incompatible: readers of an earlier version would break. gone: the code knows it no more.
Kind = Literal["new", "described", "status", "changed", "incompatible", "gone"]


class Published(Value):
    """One schema as it was published."""

    schema: dict[str, Any]
    status: str = ""  #: empty where nobody keeps it, as in files


class Finding(Value):
    """One schema in which code and registry differ."""

    key: Key
    kind: Kind
    problems: tuple[Misfit, ...] = ()
    fix: str = ""

    @property
    def is_breach(self) -> bool:
        """Whether publishing must be refused: a reader would break, or find something else under a known name."""
        return self.kind in ("changed", "incompatible")

    def __str__(self) -> str:
        return f"{self.key} {_told[self.kind]}"


_told: dict[Kind, str] = {
    "new": "is not published yet",
    "described": "has new descriptions",
    "status": "changes who gets it",
    "changed": "was published and is different now",
    "incompatible": "would break readers of an earlier version",
    "gone": "was published and the code knows it no more",
}


def compare(made: Mapping[Key, Offer], known: Mapping[Key, Published]) -> list[Finding]:
    """Where the running code differs from what was published, worst first for each schema."""
    found = []
    for key, offer in sorted(made.items(), key=lambda item: (item[0].name, item[0].version, item[0].form)):
        before = known.get(key)
        if before is None:
            found.append(_new(offer, made, known))
        elif comparable(before.schema) != comparable(offer.schema):
            told = tuple(differences(before.schema, offer.schema))
            raised = f"@event({offer.event!r}, version={key.version + 1})"
            fix = f"Take it back, or raise the version: {raised}, with an upcaster from version {key.version}."
            found.append(Finding(key=key, kind="changed", problems=told, fix=fix))
        elif before.schema != offer.schema:
            found.append(Finding(key=key, kind="described"))
        elif before.status and before.status != offer.status:
            found.append(Finding(key=key, kind="status", fix=f"It was {before.status} and is {offer.status}."))
    for key, published in sorted(known.items(), key=lambda item: (item[0].name, item[0].version, item[0].form)):
        if key not in made and published.status != "retired":
            fix = "Declare it again, or say that it is retired: manage.py publish_schemas --retire."
            found.append(Finding(key=key, kind="gone", fix=fix))
    return found


def _new(offer: Offer, made: Mapping[Key, Offer], known: Mapping[Key, Published]) -> Finding:
    """A schema that nobody knows yet: may it follow those before it?"""
    problems = tuple(problem for version, schema in _before(offer, made, known) for problem in _breaks(offer, version, schema))
    if not problems:
        return Finding(key=offer.key, kind="new")
    first = offer.key.version - 1
    fix = (
        f"Keep what readers ask for, or let version {first} go out beside it: @downcasts({offer.event!r}, version={offer.key.version})"
        f' and publish(…, versions=({first}, {offer.key.version})). compatibility="none" says that nobody minds.'
    )
    return Finding(key=offer.key, kind="incompatible", problems=problems, fix=fix)


def _before(offer: Offer, made: Mapping[Key, Offer], known: Mapping[Key, Published]) -> list[tuple[int, dict[str, Any]]]:
    """The versions before, newest first, as far as the last one that broke with its own past: that was answered for then."""
    schemas = {key.version: each.schema for key, each in made.items() if _alike(key, offer.key)}
    schemas |= {key.version: each.schema for key, each in known.items() if _alike(key, offer.key)}
    found: list[tuple[int, dict[str, Any]]] = []
    for version in sorted((version for version in schemas if version < offer.key.version), reverse=True):
        if found and breaks(offer.rule, schemas[version], found[-1][1], version, found[-1][0]):
            break
        found.append((version, schemas[version]))
    return found


def _alike(one: Key, other: Key) -> bool:
    return one.name == other.name and one.form == other.form


def _breaks(offer: Offer, version: int, schema: dict[str, Any]) -> list[Misfit]:
    """Whom it breaks. Readers of a version that still goes out beside it are not affected."""
    found = breaks(offer.rule, schema, offer.schema, version, offer.key.version)
    return [] if found and offer.status == PUBLISHED and offer.rule == "forward" and _goes_out(offer, version) else found


def _goes_out(offer: Offer, version: int) -> bool:
    try:
        return version in publication_of(offer.event).versions
    except NotPublished:
        return False
