"""Calls to the outside over HTTP: what is known of each, and a person's word on what nobody knows."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.pages import ListQuery, Page, paginate
from eventstore.api.run_shapes import Reason
from eventstore.api.views import ApiView
from eventstore.context import current_facts
from eventstore.delivery import resolve
from eventstore.messages import Command
from eventstore.models import Effect

State = Literal["begun", "done", "not_done", "unknown"]


class ResolveEffect(Command):
    """`happened` with the receipt that the call would have returned, or not: then the next attempt calls."""

    key: Annotated[str, Meta(min_length=1, max_length=300)]
    happened: bool
    reason: Reason
    receipt: dict[str, Any] | None = None


class ShownEffect(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the outside."""

    key: str
    state: State
    receipt: dict[str, Any] | None
    actor: str
    event_id: str
    note: str
    begun_at: datetime
    ended_at: datetime | None


class EffectsQuery(ListQuery):
    state: State | None = None


class EffectsPage(Page, frozen=True, kw_only=True):
    data: list[ShownEffect]


class EffectsView(ApiView):
    @reads(EffectsQuery, scope="ops:read", answer=EffectsPage)
    def get(self, question: Question[EffectsQuery]) -> Answer:
        """List effects by key, the last key first."""
        state = question.query.state
        found = Effect.objects.filter(state=state) if state else Effect.objects.all()
        return Answer(body=paginate(found, question.query, by="key", show=show))


class ResolveView(ApiView):
    @accepts(ResolveEffect, scope="ops:write", answer=ShownEffect)
    def post(self, wish: Wish[ResolveEffect]) -> Answer:
        """Say whether an unknown effect happened. A key may hold any character, so it stands in the body."""
        asked = wish.command
        by = str(current_facts()["actor"])
        return Answer(body=show(resolve(asked.key, happened=asked.happened, receipt=asked.receipt, by=by, note=asked.reason)))


def show(effect: Effect) -> ShownEffect:
    return ShownEffect(**{name: getattr(effect, name) for name in ShownEffect.__struct_fields__})
