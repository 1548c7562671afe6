"""What a reader may find out about the schemas of an event: its versions, who gets them, what changed between two."""

from eventstore.messages import Compatibility, Form, Value, all_publications, compatibility_of, name_of, registered_events
from eventstore.schemas.compatibility import Misfit, differences, misfits
from eventstore.schemas.offers import Offer, offers
from eventstore.schemas.shelves import Key, read_shelves


class Entry(Value):
    """One event as the running code stands for it."""

    name: str  #: as it is called outside
    event: str  #: as it is called in the log
    title: str
    version: int  #: the one that is written
    versions: tuple[int, ...]  #: all that are known
    goes_out: tuple[int, ...]
    forms: tuple[Form, ...]
    rule: Compatibility


def catalogue() -> list[Entry]:
    """Every event of the running code, by name."""
    return entries(offers(read_shelves()))


def entries(made: dict[Key, Offer]) -> list[Entry]:
    """The events of these schemas."""
    publications = {publication.event: publication for publication in all_publications()}
    found = []
    for event in sorted({offer.event for offer in made.values()}):
        publication, cls = publications.get(event), registered_events()[event]
        found.append(
            Entry(
                name=publication.name if publication else event,
                event=event,
                title=(cls.__doc__ or "").strip().partition("\n")[0],
                version=name_of(cls)[1],
                versions=tuple(sorted(key.version for key in made if key.name == event and key.form == "full")),
                goes_out=publication.versions if publication else (),
                forms=publication.forms if publication else (),
                rule=compatibility_of(event),
            )
        )
    return found


class Step(Value):
    """What changed from one version to another, and for whom that matters."""

    changes: tuple[Misfit, ...]
    forward: tuple[Misfit, ...]  #: where whoever reads the earlier one would break on the later one
    backward: tuple[Misfit, ...]  #: where whoever reads the later one would break on the earlier one


def step_between(made: dict[Key, Offer], earlier: Key, later: Key) -> Step:
    """The difference of two versions of one form."""
    old, new = made[earlier].schema, made[later].schema
    return Step(
        changes=tuple(differences(old, new)),
        forward=tuple(misfits(old, new, "forward", earlier.version, later.version)),
        backward=tuple(misfits(old, new, "backward", earlier.version, later.version)),
    )
