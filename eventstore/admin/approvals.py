"""The inbox of the second person: what waits for a word, what it is about, and Grant or Refuse."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from eventstore import approvals
from eventstore.approvals import GrantApproval, RefuseApproval
from eventstore.console.acts import Act, Asked, Field, Outcome
from eventstore.console.formats import moment, pill, shorten, told
from eventstore.console.lists import Choice
from eventstore.console.screens import Badge, Find, ReadOnlyAdmin, id_in
from eventstore.models import Approval, Event

PERMISSION = "eventstore.change_approval"
END_OF_TIME = datetime.max.replace(tzinfo=UTC)

State = Approval.State
ENDS = (State.GRANTED, State.REFUSED, State.EXPIRED, State.WITHDRAWN)


class StateFilter(Choice):
    """What waits, unless asked otherwise."""

    title = "state"
    parameter_name = "state"
    default = "pending"
    options = ((State.PENDING.value, "Waiting"), *((end.value, end.label.capitalize()) for end in ENDS))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.value() == "all" else queryset.filter(state=self.value())


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Operate", "v", "Approvals"
    place = 15
    list_per_page = 200  # the inbox is a page: it is sorted by what is due first
    list_display = ("subject_", "state_", "reasons_", "facts_", "asked_by", "people_number", "due_", "asked_")
    list_filter = (StateFilter,)
    search_fields = ("subject",)
    search_help_text = "the stream it is about, exactly"

    def badge(self) -> Badge | None:
        waiting = Approval.objects.filter(state=State.PENDING).count()
        return Badge(str(waiting), "warn", f"{waiting} wait for a second person") if waiting else None

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        return (queryset.filter(subject=text) if text else queryset), False

    def dress(self, rows: list[Any]) -> None:
        rows.sort(key=lambda row: (row.state != State.PENDING, row.due_at or END_OF_TIME, row.requested_at))

    # The columns

    @admin.display(description="about")
    def subject_(self, row: Approval) -> str:
        return format_html('<span title="{}">{}</span>', row.subject, f"{shorten(row.subject)}@{row.subject_version}")

    @admin.display(description="state")
    def state_(self, row: Approval) -> str:
        return pill(row.state)

    @admin.display(description="why it is asked")
    def reasons_(self, row: Approval) -> str:
        return in_words(row)

    @admin.display(description="facts")
    def facts_(self, row: Approval) -> str:
        facts = ", ".join(told(value) for value in row.facts.values())
        return format_html('<span class="clip" title="{}">{}</span>', facts, shorten(facts))

    @admin.display(description="asked by")
    def asked_by(self, row: Approval) -> str:
        return row.requested_by

    @admin.display(description="people")
    def people_number(self, row: Approval) -> str:
        return f"{len(row.granted_by)} of {row.needed}"

    @admin.display(description="due")
    def due_(self, row: Approval) -> str:
        return moment(row.due_at, relative=True)

    @admin.display(description="asked")
    def asked_(self, row: Approval) -> str:
        return moment(row.requested_at, relative=True)

    # One approval

    def detail(self, request: HttpRequest, row: Approval) -> dict[str, Any]:
        newest = Event.objects.filter(stream=row.subject).aggregate(version=Max("version"))["version"] or 0
        waits = row.state == State.PENDING
        return {
            "title": f"Approval of {shorten(row.subject, keep=12)}",
            "reasons": in_words(row),
            "newest": newest,
            "moved": waits and newest != row.subject_version,
            "eyes": _eyes(request, row) if waits and request.user.has_perm(PERMISSION) else "",
            "told": Event.objects.filter(stream=f"approval-{row.pk}").order_by("version"),
        }

    def allowed_acts(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """Who may not grant sees no button that would say so afterwards; the page says why."""
        barred = bool(_eyes(request, row))
        return [allowed for allowed in super().allowed_acts(request, row) if not (barred and allowed["act"].name == "grant")]

    def acts(self, row: Approval) -> list[Act]:
        if row.state != State.PENDING:
            return []

        def grant(asked: Asked) -> Outcome:
            return _decide(GrantApproval(approval_id=row.pk, comment=asked.given["comment"][:500]), asked)

        def refuse(asked: Asked) -> Outcome:
            return _decide(RefuseApproval(approval_id=row.pk, comment=asked.given["comment"][:500]), asked)

        missing = row.needed - len(row.granted_by)
        yes = f"You agree to {row.subject} as it is at version {row.subject_version}. " + (
            "What waits for it goes on." if missing == 1 else f"{missing - 1} more {'person' if missing == 2 else 'people'} must agree."
        )
        no = f"You do not agree to {row.subject} as it is at version {row.subject_version}. It is over, and whoever asked reads why."
        seen = str(row.version)
        return [
            Act("grant", "Grant…", yes, PERMISSION, grant, seen, fields=(Field("comment", "Comment", required=False),), reasoned=False),
            Act("refuse", "Refuse…", no, PERMISSION, refuse, seen, grave=True, fields=(Field("comment", "Why not"),), reasoned=False),
        ]

    def find(self, text: str) -> list[Find]:
        asked = id_in(text.removeprefix("approval-"))
        found = Approval.objects.filter(pk=asked) if asked else Approval.objects.filter(subject=text, state=State.PENDING)
        return [Find("approval", shorten(row.subject), self.url_of(row.pk), row.state) for row in found[:5]]

    def around(self, stream: str) -> list[Find]:
        found = Approval.objects.filter(subject=stream).order_by("-requested_at")[:5]
        return [Find("approval", in_words(row).capitalize(), self.url_of(row.pk), row.state) for row in found]


def in_words(row: Approval) -> str:
    """The reasons as people read them: above_limit is “above limit”."""
    return ", ".join(reason.replace("_", " ") for reason in row.reasons)


def _eyes(request: HttpRequest, row: Approval) -> str:
    """Why this person may not grant; empty when they may."""
    return approvals.person_may(approvals.state_of(row), f"staff:{request.user.get_username()}")


def _decide(command: GrantApproval | RefuseApproval, asked: Asked) -> Outcome:
    seen = int(asked.seen) if asked.seen.isascii() and asked.seen.isdecimal() else -1
    row = approvals.handle(command, expected=seen)
    if (refusal := approvals.refusal(command, row)) is not None:
        return Outcome(str(refusal), well=False)
    if row.state == State.PENDING:
        return Outcome("Your word is noted; another person has to agree as well.")
    return Outcome(f"It is {row.state}.")
