"""What staff can do to a row: a button, a dialog that says what will happen, a reason, and an event that tells of it."""

import logging
from collections.abc import Callable

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from eventstore.context import acting
from eventstore.errors import EventStoreError, StreamMoved

log = logging.getLogger(__name__)

LONGEST_REASON = 200


class Asked(msgspec.Struct, frozen=True):
    """What came with the click."""

    reason: str
    seen: str  #: the version that the page showed, where it matters


class Outcome(msgspec.Struct, frozen=True):
    """What came of it, in a sentence."""

    told: str
    well: bool = True


class Act(msgspec.Struct, frozen=True):
    """One thing that may be done to a row now. `do` raises an EventStoreError when it did nothing."""

    name: str
    label: str  #: on the button
    effect: str  #: what exactly will happen, in a sentence or two
    permission: str
    do: Callable[[Asked], Outcome]
    seen: str = ""
    grave: bool = False


def perform(request: HttpRequest, acts: list[Act], name: str, back: str) -> HttpResponse:
    """Do one of the acts that are possible now, and go back to the page. Whatever went wrong is said there."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = wanted
    act = next((act for act in acts if act.name == name), None)
    if act is None:
        messages.warning(request, "Nothing was done: this is not possible any more. Somebody may have done it already.")
        return HttpResponseRedirect(back)
    if not request.user.has_perm(act.permission):
        raise PermissionDenied
    reason = request.POST.get("reason", "").replace("\x00", "").strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        messages.error(request, f"Nothing was done: give a reason of 1 to {LONGEST_REASON} characters. It stands in the history for ever.")
        return HttpResponseRedirect(back)
    _do(request, act, Asked(reason=reason, seen=request.POST.get("seen", "")))
    return HttpResponseRedirect(back)


def _do(request: HttpRequest, act: Act, asked: Asked) -> None:
    try:
        with acting(actor=f"staff:{request.user.get_username()}", reason=asked.reason):
            outcome = act.do(asked)
        messages.add_message(request, messages.SUCCESS if outcome.well else messages.ERROR, outcome.told)
    except StreamMoved:
        messages.error(request, "Nothing was done: it changed meanwhile. This page now shows it as it is; look again, then decide.")
    except EventStoreError as refusal:
        messages.error(request, f"Nothing was done: {refusal}")
    except OperationalError as busy:  # a lock was not to be had in time
        log.warning("staff_act_failed", extra={"act": act.name, "error": repr(busy)})
        messages.error(request, "Nothing was done: the database was too busy to give the lock this needs. Try again in a moment.")
