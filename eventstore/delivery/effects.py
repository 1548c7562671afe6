"""Calls that leave the database: at most one real call for a key, a receipt for everyone who asks again, or *unknown*.

The ledger of effects is written on a connection of its own, beside the step's transaction: a step that is taken back must
not take back the memory of what it did outside. What is known after a crash, by the point at which it came:

    before `begun` was committed        nothing was called; the next attempt calls
    after `begun`, during the call      unknown: an inquiry or a person decides
    after the call, before `done`       unknown
    after `done`                        the receipt; the next attempt gets it and calls nobody
"""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models.functions import Now

from eventstore.context import acting, current_facts
from eventstore.errors import EventStoreError, Refused
from eventstore.events import OPERATIONS, EffectResolved
from eventstore.faults import step
from eventstore.log import ANY, append, read_event, unit_of_work
from eventstore.models import Effect
from eventstore.spans import calling

State = Effect.State
Receipt = dict[str, Any]


class NotDone(Exception):
    """Raise it from a call that certainly had no effect (refused, not reached): it may be made again."""


class EffectUnknown(EventStoreError):
    """Nobody knows whether {key} happened: {reason}. Inquire and resolve it; it is not tried again by itself."""


class EffectDenied(EventStoreError):
    """{key} was not called: this is a second delivery, and its outside effects are refused."""


def effect(key: str, call: Callable[[], Receipt], *, inquire: Callable[[], Receipt | None] | None = None) -> Receipt:
    """Call the outside once for this key, ever, and return its receipt; a repetition gets the receipt of the first time.

    Whoever calls over HTTP adds `eventstore.tracing.headers()`, asked within the call, so that the trace goes on there.
    `inquire` asks the outside about an unknown outcome: a receipt says that it happened, None that it did not.
    In a second delivery the run says what becomes of effects: run (once more for that run), deny, or receipt.
    Raises EffectUnknown, EffectDenied, NotDone, and whatever the call raises (its outcome is then unknown).
    """
    facts = current_facts()
    if "replay" in facts and facts.get("effects") == "run":
        key = f"{key} run:{facts['replay']}"
    elif "replay" in facts:
        return _answer_only(key, str(facts.get("effects")))
    known = _begin(key, facts)
    if known is None:
        return _call(key, call)
    state, receipt, note = known
    if state == State.DONE:
        return receipt
    if inquire is None:
        reason = note or "its process died or was cut off during the call"
        _write(key, State.UNKNOWN, None, reason)
        raise EffectUnknown(key=key, reason=reason)
    found = inquire()
    if found is None:
        return _call(key, call)
    _write(key, State.DONE, found, "found by inquiry")
    return found


def _answer_only(key: str, mode: str) -> Receipt:
    known = Effect.objects.filter(pk=key, state=State.DONE).first()
    if mode == "receipt" and known is not None:
        return dict(known.receipt or {})
    raise EffectDenied(key=key)


def _call(key: str, call: Callable[[], Receipt]) -> Receipt:
    step("effect.begun")
    try:
        with calling():
            receipt = call()
    except NotDone as refusal:
        _write(key, State.NOT_DONE, None, str(refusal))
        raise
    except Exception as error:
        _write(key, State.UNKNOWN, None, f"{type(error).__name__} during the call")
        raise EffectUnknown(key=key, reason=f"{type(error).__name__} during the call") from error
    step("effect.called")
    _write(key, State.DONE, receipt, "")
    step("effect.noted")
    return receipt


def _begin(key: str, facts: dict[str, Any]) -> tuple[str, Receipt, str] | None:
    """Write down that a call begins; None when it may, else what is known of the key."""
    # One statement: of two who begin at once, one inserts and the other sees the row.
    found = _beside(
        """INSERT INTO eventstore_effect (key, state, actor, event_id, note) VALUES (%s, 'begun', %s, %s, '')
           ON CONFLICT (key) DO UPDATE SET state = 'begun', begun_at = clock_timestamp() WHERE eventstore_effect.state = 'not_done'
           RETURNING key""",
        [key, str(facts.get("actor", "")), str(facts.get("causation", ""))],
    )
    if found:
        return None
    ((state, receipt, note),) = _beside("SELECT state, receipt, note FROM eventstore_effect WHERE key = %s", [key])
    return state, receipt if isinstance(receipt, dict) else json.loads(receipt or "{}"), note


def _write(key: str, state: str, receipt: Receipt | None, note: str) -> None:
    _beside(
        "UPDATE eventstore_effect SET state = %s, receipt = %s::jsonb, note = %s, ended_at = clock_timestamp() WHERE key = %s RETURNING 1",
        [state, msgspec.json.encode(receipt).decode() if receipt is not None else None, note[:500], key],
    )


def _beside(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    """Execute and commit on another connection, from the pool where there is one."""
    beside = connection.copy()
    try:
        with beside.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
    finally:
        beside.close()


def resolve(key: str, *, happened: bool, receipt: Receipt | None = None, by: str, note: str) -> Effect:
    """A person's word on an unknown effect: it happened (with its receipt), or it did not and may be called. Raises Refused."""
    state = State.DONE if happened else State.NOT_DONE
    told = f"{by}: {note}"[:500]
    with unit_of_work():
        changed = Effect.objects.filter(pk=key, state__in=[State.UNKNOWN, State.BEGUN]).update(
            state=state, receipt=(receipt or {}) if happened else None, note=told, ended_at=Now()
        )
        if not changed:
            known = Effect.objects.filter(pk=key).first()
            if known is None:
                raise Refused(f"There is no effect {key}.", code="effect_not_found", status=404)
            raise Refused(f"{key} is {State(known.state).label}: there is no unknown effect to resolve.", code="effect_known")
        found = Effect.objects.get(pk=key)
        with acting(**_story_of(found)):
            append(OPERATIONS, [EffectResolved(key=key, happened=happened, reason=note)], expected=ANY)
    return found


def _story_of(found: Effect) -> dict[str, str]:
    """The story of the event whose handler called, if it was one."""
    try:
        called_for = read_event(UUID(found.event_id))
    except ValueError:
        return {}
    return called_for.story if called_for else {}
