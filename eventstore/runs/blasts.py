"""The blast radius of a run: everything it would touch, counted before anything happens."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.db import connection

from eventstore.delivery import Consumer
from eventstore.errors import UnknownName
from eventstore.messages import decode_event, money_fields, name_of, registered_events
from eventstore.models import Run
from eventstore.projections import Projection
from eventstore.runs.consequences import Reach, reach_of
from eventstore.runs.selections import Lane, Selection, count
from eventstore.sagas import Saga

TYPED_ABOVE = 10_000  #: events; more than these are not delivered again by a slip of the mouse
SAGA = Saga.kind
ASSUMED_RATE = 5_000.0  #: events a second, until a consumer has had a run to measure


class Blast(msgspec.Struct, frozen=True):
    """What a run would touch. Money is in minor units by currency, where events say that they carry it.

    The events go to one consumer. Whatever its handlers record goes to everybody who takes it: `leads_to` is what followed
    such events before, and `consumers`, `sagas` and `tables` name those whom that reaches, next to the consumer itself.
    """

    consumer: str
    tables: list[str]
    effects: str  #: what becomes of outside effects: run, deny or receipt
    events: int
    by_name: dict[str, int]
    oldest: datetime | None
    newest: datetime | None
    money: dict[str, str]
    seconds: float  #: expected
    must_be_typed: bool
    needs_approval: bool
    lanes: list[Lane]
    kind: str = "consumer"  #: consumer, projection or saga
    consumers: list[str] = []
    sagas: list[str] = []  #: each takes an event once, however often it is delivered
    leads_to: list[str] = []  #: names of events

    @property
    def others(self) -> list[str]:
        """Whom it reaches beside the consumer itself."""
        return [name for name in (*self.consumers, *self.sagas) if name != self.consumer]


def measure(consumer: Consumer, selection: Selection, *, effects: str, target: str, heads: Mapping[int, int] | None = None) -> Blast:
    """Count what a run of this selection would touch, up to `heads` if they are given. Costs one look at it all. Raises UnknownName."""
    for name in selection.names:
        if name not in consumer.handlers:
            raise UnknownName(kind=f"event of {consumer.name}", name=name, known=consumer.handlers)
    counted = count(selection, tuple(consumer.handlers), heads)
    money = {} if heads is not None else _money(selection, consumer)  # nothing moves in a look at the past
    reach = reach_of(consumer, selection) if target == Run.Target.LIVE else Reach([], [])
    touched = {one.name: one for one in [consumer, *reach.consumers]}.values()
    outside = target == Run.Target.LIVE and effects == Run.Effects.RUN and not isinstance(consumer, Projection)
    return Blast(
        consumer=consumer.name,
        tables=[table for one in touched if isinstance(one, Projection) for table in one.tables],
        effects=effects,
        events=counted.total,
        by_name=counted.by_name,
        oldest=counted.oldest,
        newest=counted.newest,
        money=money,
        seconds=round(counted.total / _rate_of(consumer.name), 1),
        must_be_typed=target == Run.Target.LIVE and counted.total > TYPED_ABOVE,
        # Money that moves again is nobody's to decide alone.
        needs_approval=outside and bool(money),
        lanes=counted.lanes,
        kind=consumer.kind,
        consumers=[one.name for one in touched if one.kind != SAGA],
        sagas=[one.name for one in touched if one.kind == SAGA],
        leads_to=reach.events,
    )


def _money(selection: Selection, consumer: Consumer) -> dict[str, str]:
    condition, values = selection.condition(tuple(consumer.handlers))
    sums: dict[str, int] = {}
    for name, (amount, currency) in money_fields().items():
        if name not in consumer.handlers:
            continue
        newest = name_of(registered_events()[name])[1]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT data ->> %s, sum((data ->> %s)::numeric)::text FROM eventstore_event
                    WHERE {condition} AND name = %s AND schema_version >= %s GROUP BY 1""",
                [currency, amount, *values, name, newest],
            )
            for code, total in cursor.fetchall():
                sums[code] = sums.get(code, 0) + int(total)
            # Earlier versions may have said it in other words: they are read as everybody reads them, one by one.
            cursor.execute(
                f"SELECT schema_version, data::text FROM eventstore_event WHERE {condition} AND name = %s AND schema_version < %s",
                [*values, name, newest],
            )
            for version, data in cursor:
                event = decode_event(name, version, data)
                code = getattr(event, currency)
                sums[code] = sums.get(code, 0) + int(getattr(event, amount))
    return {code: str(total) for code, total in sorted(sums.items())}


def _rate_of(name: str) -> float:
    """Events a second of the consumer's last run that ended."""
    last = Run.objects.filter(consumer=name, state=Run.State.COMPLETED, started_at__isnull=False).order_by("-ended_at").first()
    if last is None or not last.total or last.ended_at is None or last.started_at is None:
        return ASSUMED_RATE
    return float(last.total / max((last.ended_at - last.started_at).total_seconds(), 0.1))
