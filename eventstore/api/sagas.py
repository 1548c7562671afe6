"""Sagas over HTTP: who is in trouble, what each did step by step, and the acts of staff."""

from uuid import UUID

import msgspec
from django.db.models import QuerySet

from eventstore import sagas
from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.pages import Query, from_cursor, to_cursor
from eventstore.api.problems import Problem
from eventstore.api.saga_shapes import (
    CloseSaga,
    CompensateSaga,
    RetrySagaCommand,
    SagasPage,
    SagasQuery,
    SettleSagaCommand,
    ShownSagaCommand,
)
from eventstore.api.views import ApiView
from eventstore.models import SagaCommand, SagaInstance
from eventstore.sagas import SagaHistory, SagaLine


class SagasView(ApiView):
    @reads(SagasQuery, scope="ops:read", answer=SagasPage)
    def get(self, question: Question[SagasQuery]) -> Answer:
        """List sagas: those in trouble first, then those that compensate, run, are over; the newest of each first."""
        query = question.query
        found = _asked(query)
        if query.cursor is not None:
            try:
                found = sagas.beyond(found, from_cursor(query.cursor))
            except ValueError as error:
                raise Problem("invalid_cursor") from error
        rows = list(found.order_by(*sagas.ORDER)[: query.limit + 1])
        shown, more = rows[: query.limit], len(rows) > query.limit
        following = to_cursor(sagas.place_of(shown[-1])) if more else None
        return Answer(body=SagasPage(data=sagas.lines(shown), next_cursor=following, has_more=more))


class SagaView(ApiView):
    @reads(scope="ops:read", answer=SagaHistory)
    def get(self, question: Question[Query], saga_id: UUID) -> Answer:
        """Read one saga: what it took, remembers, sent and waits for."""
        if (row := SagaInstance.objects.filter(pk=saga_id).first()) is None:
            raise Problem("saga_not_found", f"There is no saga {saga_id}.", status=404)
        return Answer(body=sagas.history(row))


class CompensateView(ApiView):
    @accepts(CompensateSaga, scope="ops:write", answer=SagaLine)
    def post(self, wish: Wish[CompensateSaga]) -> Answer:
        """Ask a saga to undo what it did. It decides how, as its next step: read it then."""
        asked = wish.command
        return Answer(body=show_line(sagas.compensate(asked.saga_id, asked.reason, asked.version)))


class CloseView(ApiView):
    @accepts(CloseSaga, scope="ops:write", answer=SagaLine)
    def post(self, wish: Wish[CloseSaga]) -> Answer:
        """End a saga by hand: its waiting commands are not carried out, its deadlines matter no more, nothing is undone."""
        asked = wish.command
        return Answer(body=show_line(sagas.close(asked.saga_id, asked.reason, asked.version)))


class RetryView(ApiView):
    @accepts(RetrySagaCommand, scope="ops:write", answer=ShownSagaCommand, status=202)
    def post(self, wish: Wish[RetrySagaCommand]) -> Answer:
        """Have a waiting command carried out now instead of when it is due, in the background."""
        command = sagas.retry(wish.command.command_id, wish.command.reason)
        return Answer(body=show_command(command.pk), status=202, location=f"/api/v1/sagas/{command.saga_id}")


class SettleView(ApiView):
    @accepts(SettleSagaCommand, scope="ops:write", answer=ShownSagaCommand)
    def post(self, wish: Wish[SettleSagaCommand]) -> Answer:
        """Count a waiting command as done: somebody saw to it in another way. It is not carried out."""
        return Answer(body=show_command(sagas.settle(wish.command.command_id, wish.command.reason).pk))


def _asked(query: SagasQuery) -> QuerySet[SagaInstance]:
    found = SagaInstance.objects.all()
    if query.key is not None:
        found = found.filter(pk__in=sagas.about([query.key], query.saga))
    elif query.saga is not None:
        found = found.filter(saga=query.saga)
    if query.status is not None:
        found = found.filter(status=query.status)
    if query.trouble is not None:
        found = found.filter(urgency=3) if query.trouble else found.exclude(urgency=3)
    return found


def show_line(row: SagaInstance) -> SagaLine:
    row.refresh_from_db()
    return sagas.lines([row])[0]


def show_command(pk: UUID) -> ShownSagaCommand:
    command = SagaCommand.objects.get(pk=pk)
    return ShownSagaCommand(saga_id=command.saga_id, **msgspec.structs.asdict(sagas.show_command(command)))
