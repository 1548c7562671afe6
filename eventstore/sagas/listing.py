"""Sagas in the order in which people look at them: those in trouble first, then those on their way back, running, over."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from eventstore.models import ConsumerState, SagaInstance
from eventstore.sagas.memories import saga_id

ORDER = ("-urgency", "-started_at", "-id")


def place_of(row: SagaInstance) -> str:
    """Where a saga stands in that order, for the address of a page. It moves when its status changes, and only then."""
    return f"{row.urgency} {row.started_at.isoformat()} {row.id}"


def beyond(rows: QuerySet[SagaInstance], place: str, *, before: bool = False) -> QuerySet[SagaInstance]:
    """The sagas that follow a place, or with `before` those before it. Raises ValueError when that is no place.

    One comparison of rows: the index is entered there, however many stand before.
    """
    urgency, started_at, pk = place.split(" ")
    values = (int(urgency), datetime.fromisoformat(started_at), UUID(pk))
    sign = ">" if before else "<"
    return rows.filter(RawSQL(f"(urgency, started_at, id) {sign} (%s, %s, %s)", values, output_field=BooleanField()))


def about(keys: Iterable[str], saga: str | None = None) -> list[UUID]:
    """The ids that sagas about these keys have; each name makes its own, also one that the code has forgotten."""
    names = [saga] if saga else list(ConsumerState.objects.values_list("name", flat=True))
    return [saga_id(name, key) for name in names for key in keys]
