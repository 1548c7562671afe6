"""What must hold whatever broke: once each, in the order of the stream, nothing lost; parked and applied are all there is."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from eventstore.conf import conf
from eventstore.delivery import Consumer
from eventstore.errors import EventStoreError
from eventstore.log import read_everything
from eventstore.messages import Envelope
from eventstore.models import FailedEvent, ParkedKey
from eventstore.projections import Projection


class Breach(AssertionError):
    """What was promised did not hold."""


def assert_once_in_order(consumer: Consumer, effects: Sequence[tuple[str, int]], after: Mapping[int, int] | None = None) -> None:
    """Compare a consumer's effects, as (stream, version) in the order they took place, with the log. Raises Breach.

    Call it once everything is delivered. `after` is where the consumer began, per partition.
    """
    wanted = _wanted(consumer, after or {})
    waiting = _waiting(consumer, wanted)
    found: defaultdict[str, list[int]] = defaultdict(list)
    for stream, version in effects:
        found[stream].append(version)
    told = []
    for stream in sorted(wanted.keys() | found.keys()):
        due = [envelope.version for envelope in wanted.get(stream, ()) if envelope.id not in waiting]
        told += _compare(stream, due, found.get(stream, []))
    if told:
        raise Breach(f"{consumer.name} did not get every event once and in order.\n   " + "\n   ".join(told))


def _compare(stream: str, due: list[int], found: list[int]) -> list[str]:
    counted = Counter(found)
    twice = sorted(version for version, times in counted.items() if times > 1)
    lost = sorted(set(due) - set(found))
    phantom = sorted(set(found) - set(due))
    told = []
    if twice:
        told.append(f"{stream}: {_versions(twice)} took effect more than once")
    if lost:
        told.append(f"{stream}: {_versions(lost)} never took effect, and does not wait parked")
    if phantom:
        told.append(f"{stream}: {_versions(phantom)} took effect, though it waits parked or is not in the log")
    once = list(dict.fromkeys(found))
    if once != sorted(once):
        told.append(f"{stream}: out of order: {found}")
    return told


def _versions(versions: list[int]) -> str:
    return f"version {', '.join(map(str, versions))}"


def _wanted(consumer: Consumer, after: Mapping[int, int]) -> dict[str, list[Envelope]]:
    """The events that are for this consumer, by stream."""
    streams: defaultdict[str, list[Envelope]] = defaultdict(list)
    for envelope in read_everything(conf().BATCH):
        if envelope.name in consumer.handlers and envelope.position > after.get(envelope.partition, 0):
            streams[envelope.stream].append(envelope)
    return streams


def _waiting(consumer: Consumer, wanted: Mapping[str, Sequence[Envelope]]) -> set[Any]:
    """The ids of events that wait parked, or were skipped by a person or by the consumer's own policy."""
    skipped = FailedEvent.objects.filter(parked__consumer=consumer.name, skipped=True)
    waiting = set(skipped.values_list("event_id", flat=True))
    held = ParkedKey.objects.filter(consumer=consumer.name, state__in=ParkedKey.HELD)
    first = {(parked.partition, parked.key): parked.position for parked in held}
    for envelopes in wanted.values():
        for envelope in envelopes:
            position = first.get((envelope.partition, consumer.key_of(envelope)))
            if position is not None and envelope.position >= position:
                waiting.add(envelope.id)
    return waiting


def assert_folded(projection: Projection) -> None:
    """Every row of a read table is what its events make of it, folded one by one from the log. Raises Breach.

    Keys that wait parked are folded up to where they wait.
    """
    wanted = _wanted(projection, {})
    waiting = _waiting(projection, wanted)
    taken = sorted(
        (e for envelopes in wanted.values() for e in envelopes if e.id not in waiting),
        key=lambda envelope: (envelope.partition, envelope.position),
    )
    touched: defaultdict[str, list[Envelope]] = defaultdict(list)
    for envelope in taken:
        try:
            keys = {str(key) for key in projection.keys_of(envelope)}
        except EventStoreError:
            continue  # what cannot be read waits parked
        for key in keys:
            touched[key].append(envelope)
    rows = {str(row.pk): row for row in projection.rows._default_manager.all()}
    told = []
    for key in sorted(touched.keys() | rows.keys()):
        folded = None
        for _, folded in projection.trace(key, touched.get(key, ())):  # noqa: B007 - the last one counts
            pass
        told += _unlike(key, folded, rows.get(key))
    if told:
        raise Breach(f"{projection.name} is not the fold of the log.\n   " + "\n   ".join(told))


def _unlike(key: str, folded: Any, stored: Any) -> list[str]:
    if folded is None or stored is None:
        return (
            []
            if folded is stored
            else [f"row {key}: expected {'none' if folded is None else 'one'}, there is {'none' if stored is None else 'one'}"]
        )
    return [
        f"row {key}: {field.attname} is {getattr(stored, field.attname)!r}, its events make it {getattr(folded, field.attname)!r}"
        for field in folded._meta.concrete_fields
        if field.to_python(getattr(folded, field.attname)) != field.to_python(getattr(stored, field.attname))
    ]
