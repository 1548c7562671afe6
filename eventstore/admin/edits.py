"""Another payload for a failed event: written beside the original, checked while it is written, tried before it counts."""

from typing import Any
from uuid import UUID

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect

from eventstore.console.acts import Act, Asked, Outcome, perform
from eventstore.console.formats import dump
from eventstore.console.screens import ReadOnlyAdmin
from eventstore.delivery import consumer_named, corrections, repairs
from eventstore.delivery.dry_runs import DryRun, dry_run
from eventstore.errors import EventStoreError, UnknownName
from eventstore.messages import Envelope, class_of
from eventstore.models import ParkedKey
from eventstore.moments import Change, differences

PERMISSION = "eventstore.change_parkedkey"
LONGEST = 256 * 1024  #: characters of a payload; no event of ours comes near


class Checked(msgspec.Struct, frozen=True):
    """What is known of a payload while it is being written."""

    errors: list[dict[str, str]]  #: each with its pointer
    changes: list[Change]  #: against the original
    data: Any = None
    tried: DryRun | None = None

    @property
    def fits(self) -> bool:
        return not self.errors and bool(self.changes)


def edit_view(screen: ReadOnlyAdmin, request: HttpRequest, key_id: UUID) -> HttpResponse:
    """The original on the left, the other payload on the right. POST checks it, tries it (`try`) or keeps it (`keep`)."""
    row = _row(screen, request, key_id)
    if row is None or row.state not in ParkedKey.WAITING:
        return _gone(screen, request, key_id)
    failed = repairs.failed_event(row)
    (read,) = corrections.apply(consumer_named(row.consumer), [failed])
    original = corrections.payload(failed)
    text = request.POST.get("payload", "").replace("\x00", "") if request.method == "POST" else dump(corrections.payload(read))
    verb = request.POST.get("verb", "check") if request.method == "POST" else ""
    checked = check(failed, original, text) if verb else None
    if checked and checked.fits and verb == "try":
        checked = msgspec.structs.replace(checked, tried=dry_run(consumer_named(row.consumer), failed, checked.data))
    if checked and checked.fits and verb == "keep":
        return _keep(screen, request, row, checked.data)
    shown = {"row": row, "failed": failed, "original": original, "text": text, "checked": checked, "title": "Edit and retry"}
    if request.headers.get("HX-Request"):
        return screen.fragment(request, "checked", **shown)
    return screen.page(request, "edit", **shown)


def _keep(screen: ReadOnlyAdmin, request: HttpRequest, row: ParkedKey, data: dict[str, Any]) -> HttpResponse:
    def do(asked: Asked) -> Outcome:
        events = [UUID(asked.seen)] if asked.seen else []
        correction, acted = repairs.edit(row.pk, data, asked.reason, events)
        if correction.outcome == correction.Outcome.FAILED:
            return Outcome("It was handled as you wrote it and failed again; the newest error is below.", well=False)
        return Outcome(f"It was handled as you wrote it: {acted.became}. The log keeps the original.")

    return perform(request, [Act("edit", "Edit", "", PERMISSION, do)], "edit", screen.url_of(row.pk))


def dry_run_view(screen: ReadOnlyAdmin, request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Let the consumer handle the failed event as it would now, show what it would change, and take all of it back."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = _row(screen, request, key_id)
    if row is None or row.state not in ParkedKey.HELD:
        return _gone(screen, request, key_id)
    tried = dry_run(consumer_named(row.consumer), repairs.failed_event(row))
    if request.headers.get("HX-Request"):
        return screen.fragment(request, "tried", tried=tried)
    return screen.page(request, "tried", tried=tried, row=row, title="Dry run")


def check(failed: Envelope, original: Any, text: str) -> Checked:
    """What is wrong with a payload, or how it differs from the original."""
    if len(text) > LONGEST:
        return Checked([{"pointer": "#", "detail": f"It is longer than {LONGEST:,} characters."}], [])
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return Checked([{"pointer": "#", "detail": f"It does not read as JSON: {error}"}], [])
    try:
        found = corrections.mistakes(class_of(failed.name, failed.schema_version), data)
    except EventStoreError as error:
        found = [{"pointer": "#", "detail": str(error)}]
    return Checked(found, differences(original, data), data)


def _row(screen: ReadOnlyAdmin, request: HttpRequest, key_id: UUID) -> ParkedKey | None:
    """The key, for somebody who may act on it; None when there is none, or nobody knows its consumer any more."""
    row: ParkedKey | None = screen.get_object(request, str(key_id))
    if not screen.has_view_permission(request, row) or not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    try:
        return row if row is None or consumer_named(row.consumer) else None
    except UnknownName:
        return None


def _gone(screen: ReadOnlyAdmin, request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Somebody was here first: the page of the key says so."""
    answer = (
        perform(request, [], "edit", screen.url_of(key_id)) if request.method == "POST" else HttpResponseRedirect(screen.url_of(key_id))
    )
    return HttpResponse(headers={"HX-Redirect": screen.url_of(key_id)}) if request.headers.get("HX-Request") else answer
