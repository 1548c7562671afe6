"""Outside effects: calls whose outcome nobody knows, first; and what a person found out about them."""

from datetime import timedelta
from typing import Any

import msgspec
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from eventstore import delivery
from eventstore.console.acts import Act, Asked, Field, Outcome
from eventstore.console.formats import moment, pill
from eventstore.console.lists import Choice
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin, id_in
from eventstore.context import current_facts
from eventstore.errors import Refused
from eventstore.events import OPERATIONS
from eventstore.models import Effect, Event

PERMISSION = "eventstore.change_effect"
LONGEST_CALL = timedelta(minutes=1)  #: a call that began longer ago than this has lost its process

State = Effect.State
UNRESOLVED = (State.BEGUN.value, State.UNKNOWN.value)


class StateFilter(Choice):
    """What nobody knows, unless asked otherwise."""

    title = "state"
    parameter_name = "state"
    default = "unresolved"
    options = (("unresolved", "Unknown or under way"), *((value, label.capitalize()) for value, label in State.choices))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        asked = self.value()
        if asked == "all":
            return queryset
        return queryset.filter(state__in=UNRESOLVED if asked == self.default else [asked])


@admin.register(Effect)
class EffectAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "f", "Effects"
    place = 45
    list_display = ("key", "state_", "actor", "note_", "begun_", "ended_")
    list_filter = (StateFilter,)
    search_fields = ("key",)
    search_help_text = "the beginning of a key"

    def badge(self) -> Badge | None:
        unknown = lost().count()
        return Badge(f"{unknown} unknown", "bad", "Nobody knows whether these calls happened") if unknown else None

    def key_of(self, row: Effect) -> object:
        return quote(row.pk)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        return (queryset.filter(key__startswith=text) if text else queryset), False

    # The columns

    @admin.display(description="state")
    def state_(self, row: Effect) -> str:
        return pill(row.get_state_display(), {State.DONE: "ok", State.UNKNOWN: "bad", State.BEGUN: "warn"}.get(State(row.state), ""))

    @admin.display(description="what is known")
    def note_(self, row: Effect) -> str:
        return row.note

    @admin.display(description="begun")
    def begun_(self, row: Effect) -> str:
        return moment(row.begun_at, relative=True)

    @admin.display(description="ended")
    def ended_(self, row: Effect) -> str:
        return moment(row.ended_at, relative=True)

    # One effect

    def detail(self, request: HttpRequest, row: Effect) -> dict[str, Any]:
        told = Event.objects.filter(stream=OPERATIONS, data__key=row.pk, name="eventstore.effect_resolved").order_by("-version")
        event = id_in(row.event_id)
        return {
            "title": row.pk,
            "event": Event.objects.filter(pk=event).first() if event else None,
            "is_lost": _is_lost(row),
            "told": told[:20],
        }

    def acts(self, row: Effect) -> list[Act]:
        if not _is_lost(row):
            return []

        def happened(asked: Asked) -> Outcome:
            delivery.resolve(row.pk, happened=True, receipt=_receipt(asked.given["receipt"]), by=_whoever(), note=asked.reason)
            return Outcome(f"It is written down that {row.pk} happened; whoever asks again gets the receipt, and nobody calls.")

        def did_not(asked: Asked) -> Outcome:
            delivery.resolve(row.pk, happened=False, by=_whoever(), note=asked.reason)
            return Outcome(f"It is written down that {row.pk} did not happen; it is called when its event is tried again.")

        receipt = Field("receipt", "Receipt as JSON, if there is one", lines=4, required=False, example='{"charge": "ch_1"}')
        yes = "You looked at the other side and the call took effect there. It is never made again; its receipt answers whoever asks."
        no = "You looked at the other side and nothing happened there. The call is made when the event is tried again."
        return [
            Act("happened", "It happened…", yes, PERMISSION, happened, fields=(receipt,)),
            Act("not", "It did not happen…", no, PERMISSION, did_not, grave=True),
        ]

    def find(self, text: str) -> list[Find]:
        return [Find("effect", row.pk, self.url_of(quote(row.pk)), row.get_state_display()) for row in Effect.objects.filter(pk=text)]


def lost() -> QuerySet[Effect]:
    """The effects of which nobody knows whether they happened."""
    return Effect.objects.filter(Q(state=State.UNKNOWN) | Q(state=State.BEGUN, begun_at__lt=Now() - LONGEST_CALL))


def _is_lost(row: Effect) -> bool:
    return lost().filter(pk=row.pk).exists()


def _whoever() -> str:
    return str(current_facts().get("actor", ""))


def _receipt(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.DecodeError as error:
        raise Refused(f'The receipt does not read as a JSON object: {error}. Write for example {{"charge": "ch_1"}}.') from error
