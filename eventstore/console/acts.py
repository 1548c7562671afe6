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
from eventstore.log import read_version

log = logging.getLogger(__name__)

LONGEST_REASON = 200


class Field(msgspec.Struct, frozen=True):
    """Something that an act asks for beside its reason."""

    name: str
    label: str
    choices: tuple[str, ...] = ()  #: one of these, when there are any
    lines: int = 1  #: more of them make it a box
    required: bool = True
    example: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What came with the click."""

    reason: str
    seen: str  #: the version that the page showed, where it matters
    given: dict[str, str] = {}  #: the fields of the act


class Outcome(msgspec.Struct, frozen=True):
    """What came of it, in a sentence."""

    told: str
    well: bool = True
    leads_to: str = ""  #: where to look next, if not where one came from


class Act(msgspec.Struct, frozen=True):
    """One thing that may be done to a row now. `do` raises an EventStoreError when it did nothing.

    With `href` the button leads to a page that asks for more than a dialog can hold, and acts there.
    """

    name: str
    label: str  #: on the button
    effect: str  #: what exactly will happen, in a sentence or two
    permission: str
    do: Callable[[Asked], Outcome]
    seen: str = ""
    grave: bool = False
    typed: str = ""  #: what must be typed, letter by letter, before it is done
    fields: tuple[Field, ...] = ()
    reasoned: bool = True  #: False for what changes nothing that anybody would ask about
    href: str = ""
    stream: str = ""  #: whose event is looked at: what is done follows from the one that made the version `seen`, or from its newest


def leads(name: str, label: str, href: str, permission: str) -> Act:
    """A button that leads to a page."""
    return Act(name, label, "", permission, lambda asked: Outcome(""), href=href)


def perform(request: HttpRequest, acts: list[Act], name: str, back: str) -> HttpResponse:
    """Do one of the acts that are possible now, and go back to the page. Whatever went wrong is said there."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = wanted
    act = next((act for act in acts if act.name == name and not act.href), None)
    if act is None:
        messages.warning(request, "Nothing was done: this is not possible any more. Somebody may have done it already.")
        return HttpResponseRedirect(back)
    if not request.user.has_perm(act.permission):
        raise PermissionDenied
    if problem := _missing(request, act):
        messages.error(request, f"Nothing was done: {problem}")
        return HttpResponseRedirect(back)
    given = {field.name: _text(request, field.name) for field in act.fields}
    asked = Asked(reason=_text(request, "reason"), seen=request.POST.get("seen", ""), given=given)
    return HttpResponseRedirect(_do(request, act, asked) or back)


def _missing(request: HttpRequest, act: Act) -> str:
    """What has to be given and was not; empty when all is there."""
    if act.reasoned and not 0 < len(_text(request, "reason")) <= LONGEST_REASON:
        return f"give a reason of 1 to {LONGEST_REASON} characters. It stands in the history for ever."
    if act.typed and _text(request, "typed") != act.typed:
        return f"type {act.typed} to show that you mean it. What came was {_text(request, 'typed')[:80] or 'nothing'}."
    for field in act.fields:
        text = _text(request, field.name)
        if field.required and not text:
            return f"“{field.label}” is missing."
        if field.choices and text not in field.choices:
            return f"“{field.label}” is one of {', '.join(field.choices)}."
    return ""


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()


def _story(act: Act, asked: Asked) -> dict[str, str]:
    """The story that an act belongs to: that of the event which made what was looked at."""
    if not act.stream:
        return {}
    version = int(asked.seen) if asked.seen.isascii() and asked.seen.isdecimal() and len(asked.seen) < 10 else 0
    looked_at = read_version(act.stream, version) or read_version(act.stream)
    return looked_at.story if looked_at else {}


def _do(request: HttpRequest, act: Act, asked: Asked) -> str:
    """Do it and tell what came of it; return where that leads, if anywhere."""
    try:
        with acting(actor=f"staff:{request.user.get_username()}", reason=asked.reason or None, **_story(act, asked)):
            outcome = act.do(asked)
        messages.add_message(request, messages.SUCCESS if outcome.well else messages.ERROR, outcome.told)
        return outcome.leads_to
    except StreamMoved:
        messages.error(request, "Nothing was done: it changed meanwhile. This page now shows it as it is; look again, then decide.")
    except EventStoreError as refusal:
        messages.error(request, f"Nothing was done: {refusal}")
    except OperationalError as busy:  # a lock was not to be had in time
        log.warning("staff_act_failed", extra={"act": act.name, "error": repr(busy)})
        messages.error(request, "Nothing was done: the database was too busy to give the lock this needs. Try again in a moment.")
    return ""
