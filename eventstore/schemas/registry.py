"""The registry: what was published of each event, and the act of publishing, which is an event in `operations`."""

from collections.abc import Iterable, Mapping

from django.db import connection

from eventstore.context import current_facts
from eventstore.errors import EventStoreError
from eventstore.events import OPERATIONS, SchemaChange, SchemasPublished
from eventstore.log import ANY, append, unit_of_work
from eventstore.models import PublishedSchema
from eventstore.schemas.offers import Offer, offers
from eventstore.schemas.publishing import Finding, Published, compare
from eventstore.schemas.shelves import Key, read_shelves

Status = PublishedSchema.Status


class WouldBreakReaders(EventStoreError):
    """Nothing was published: {schemas}. manage.py publish_schemas --check says why."""


def known_schemas() -> dict[Key, Published]:
    """Everything that was ever published in this database."""
    return {
        Key(name=name, version=version, form="notification" if form == "notification" else "full"): Published(schema=schema, status=status)
        for name, version, form, schema, status in PublishedSchema.objects.values_list("name", "version", "form", "schema", "status")
    }


def examine() -> list[Finding]:
    """Where the running code differs from this database's registry."""
    return compare(offers(read_shelves()), known_schemas())


def publish_all(reason: str, *, retire: bool = False) -> list[Finding]:
    """Bring the registry up to the running code; return what was done. Raises WouldBreakReaders and does nothing then."""
    with unit_of_work():
        # Two deployments at once: the second one finds everything published.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('eventstore.schemas', 0))")
        made = offers(read_shelves())
        found = compare(made, known_schemas())
        if breaches := [finding for finding in found if finding.is_breach]:
            raise WouldBreakReaders(schemas="; ".join(map(str, breaches)))
        doing = [finding for finding in found if finding.kind != "gone" or retire]
        for finding in doing:
            _keep(finding, made)
        if doing:
            append(OPERATIONS, [SchemasPublished(schemas=_changes(doing, made), reason=reason)], expected=ANY)
    return doing


def _keep(finding: Finding, made: Mapping[Key, Offer]) -> None:
    row = PublishedSchema.objects.filter(name=finding.key.name, version=finding.key.version, form=finding.key.form)
    if finding.kind == "gone":
        row.update(status=Status.RETIRED)
        return
    offer = made[finding.key]
    if finding.kind == "new":
        PublishedSchema.objects.create(
            name=offer.key.name,
            version=offer.key.version,
            form=offer.key.form,
            schema=offer.schema,
            compatibility=offer.rule,
            status=offer.status,
            published_by=str(current_facts().get("actor", "")),
        )
    else:
        row.update(schema=offer.schema, compatibility=offer.rule, status=offer.status)


def _changes(doing: Iterable[Finding], made: Mapping[Key, Offer]) -> tuple[SchemaChange, ...]:
    words = {"new": "published", "described": "described", "gone": "retired"}
    return tuple(
        SchemaChange(
            name=finding.key.name,
            version=finding.key.version,
            form=finding.key.form,
            what=words.get(finding.kind) or made[finding.key].status,
        )
        for finding in doing
    )
