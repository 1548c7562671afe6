"""A run begins: counted, checked, approved where it must be, and then it is a row that survives everything."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models.functions import Now

from eventstore.absences import Absence
from eventstore.context import acting, current_facts, person
from eventstore.delivery import declared_consumer, wakeups
from eventstore.errors import Refused
from eventstore.events import OPERATIONS, RunChanged, RunEnded, RunStarted
from eventstore.log import ANY, append, current_position, read_correlation, unit_of_work
from eventstore.models import ConsumerState, ParkedKey, Run, RunItem
from eventstore.moments import Moment, cut_at
from eventstore.projections import Projection, projection_named
from eventstore.runs import shadows
from eventstore.runs.blasts import Blast, measure
from eventstore.runs.selections import Lane, Past, Selection

State = Run.State


def replay(
    consumer: str,
    selection: Selection,
    *,
    reason: str,
    effects: str = Run.Effects.DENY,
    rate: int | None = None,
    typed: str = "",
) -> Run:
    """Deliver a selection to a consumer again, over its live tables. Raises UnknownName, Refused.

    `typed` is the consumer's name, demanded when the blast radius is above the limits.
    """
    base = declared_consumer(consumer)
    if isinstance(base, Projection):
        raise Refused(
            f"{consumer} is a projection: folding events into its live rows again would count them twice. Rebuild it instead.",
            code="replay_into_live_rows",
        )
    if isinstance(base, Absence):
        raise Refused(
            f"{consumer} watches what follows in time, and the time of what was recorded has passed. Its alerts stand as they are.",
            code="replay_into_live_rows",
        )
    if base.replay == "deny" and effects == Run.Effects.RUN:
        raise Refused(
            f'{consumer} does not allow its outside effects to run again. Replay with effects "receipt" or "deny", '
            'or declare it with replay="allow".',
            code="replay_denied",
        )
    blast = measure(base, selection, effects=effects, target=Run.Target.LIVE)
    return _start(Run(consumer=consumer, target=Run.Target.LIVE, effects=effects, rate=rate, reason=reason), selection, blast, typed)


def rebuild_beside(name: str, *, reason: str, rate: int | None = None) -> Run:
    """Fold a projection from the whole log into shadow tables; nothing live changes. Raises UnknownName."""
    base = projection_named(name)
    blast = measure(base, Selection(), effects=Run.Effects.DENY, target=Run.Target.SHADOW)
    run = Run(consumer=name, target=Run.Target.SHADOW, effects=Run.Effects.DENY, rate=rate, reason=reason)
    return _start(run, Selection(), blast, typed=name)


def rebuild_past(name: str, moment: Moment, *, reason: str, rate: int | None = None) -> Run:
    """Fold a projection up to a position or a time into shadow tables, to be looked at and never swapped in.

    Raises UnknownName, UnreadableMoment for a version.
    """
    base = projection_named(name)
    cut = cut_at(moment)
    blast = measure(base, Selection(), effects=Run.Effects.DENY, target=Run.Target.SHADOW, heads=cut.heads)
    run = Run(consumer=name, target=Run.Target.SHADOW, effects=Run.Effects.DENY, rate=rate, reason=reason)
    return _start(run, Selection(), blast, typed=name, past=Past(as_of=str(moment), heads=cut.heads, final=cut.final))


def redrive(ids: Sequence[UUID], *, reason: str, rate: int | None = None) -> Run:
    """Retry parked keys, exactly these, in the background. Raises Refused when none of them waits."""
    waiting = list(ParkedKey.objects.filter(pk__in=ids, state__in=ParkedKey.WAITING).order_by("parked_at"))
    if not waiting:
        raise Refused("None of these keys waits any more.", code="not_waiting")
    _must_have(reason)
    consumers = sorted({parked.consumer for parked in waiting})
    blast = {"consumers": consumers, "keys": len(waiting)}
    with unit_of_work():
        run = Run(consumer=", ".join(consumers)[:120], target=Run.Target.LIVE, effects=Run.Effects.RUN, rate=rate, reason=reason)
        run.selection, run.blast, run.total = {"parked": len(waiting)}, blast, len(waiting)
        run.started_by, run.started_at = str(current_facts().get("actor", "")), Now()
        run.save(force_insert=True)
        RunItem.objects.bulk_create([RunItem(run=run, parked=parked) for parked in waiting])
        _tell_start(run)
    run.refresh_from_db()
    return run


def _must_have(reason: str) -> None:
    if not reason.strip():
        raise Refused("A run needs a reason: it stands in the history for whoever asks later.", code="reason_missing", status=422)


def _tell_start(run: Run) -> None:
    started = RunStarted(run_id=run.id, consumer=run.consumer, target=run.target, effects=run.effects, events=run.total, reason=run.reason)
    append_about(run, started)
    # After COMMIT, also when the caller's unit of work goes on: a worker that comes sooner would find no run.
    transaction.on_commit(lambda: wakeups.wake_run(run.id), robust=True)


def _start(run: Run, selection: Selection, blast: Blast, typed: str, past: Past | None = None) -> Run:
    _must_have(run.reason)
    if blast.must_be_typed and typed != run.consumer:
        raise Refused(
            f"This run delivers {blast.events} events again. To start it, type the name of the consumer: {run.consumer}",
            code="name_must_be_typed",
            blast=msgspec.to_builtins(blast),
        )
    run.selection, run.blast = msgspec.to_builtins(selection), msgspec.to_builtins(blast)
    if past is not None:
        run.selection |= {"past": msgspec.to_builtins(past, str_keys=True)}
    run.total, run.started_by = blast.events, str(current_facts().get("actor", ""))
    with unit_of_work():
        # Frozen here: what is recorded from now on is beyond every lane.
        lanes = blast.lanes if run.target == Run.Target.LIVE else _up_to(past.heads if past else current_position().heads)
        run.state = State.WAITING if blast.needs_approval else State.RUNNING
        run.started_at = None if blast.needs_approval else Now()
        run.save(force_insert=True)
        _lay_out(run, lanes)
        if run.target == Run.Target.SHADOW:
            shadows.make(run.schema, projection_named(run.consumer).tables)
        _tell_start(run)
    run.refresh_from_db()
    return run


def _up_to(heads: Mapping[int, int]) -> list[Lane]:
    return [Lane(partition, 0, head, head) for partition, head in heads.items()]


def _lay_out(run: Run, lanes: list[Lane]) -> None:
    """Its state and checkpoints, under the name of its lane. It rests until it is running."""
    resting = ConsumerState.State.PAUSED if run.state == State.WAITING else ConsumerState.State.RUNNING
    ConsumerState.objects.create(name=run.lane, state=resting)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO eventstore_checkpoint (consumer, partition, position, until, attempts, careful_until, fallbacks)
               SELECT %s, lane.*, 0, 0, 0 FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS lane""",
            [run.lane, [lane.partition for lane in lanes], [lane.after for lane in lanes], [lane.until for lane in lanes]],
        )


#: What may become of a run: verb -> (states it is possible in, state afterwards).
VERBS = {
    "approve": ((State.WAITING,), State.RUNNING),
    "pause": ((State.RUNNING,), State.PAUSED),
    "resume": ((State.PAUSED,), State.RUNNING),
    "cancel": ((State.WAITING, State.RUNNING, State.PAUSED, State.READY), State.CANCELLED),
}


def change(run_id: UUID, verb: str, reason: str) -> Run:
    """Approve, pause, resume or cancel a run. "Already so" is success. Raises Refused."""
    possible, becomes = VERBS[verb]
    actor = str(current_facts().get("actor", ""))
    with unit_of_work():
        run = locked(run_id)
        if run.state == becomes:
            return run
        if run.state not in possible:
            raise Refused(f"The run cannot {verb}: it is {State(run.state).label}.", code=f"run_{run.state}")
        if verb == "approve":
            _must_have(reason)
            if person(actor) == person(run.started_by):
                raise Refused("A second person must approve this run: it was you who started it.", code="four_eyes_required", status=403)
            run.approved_by, run.started_at = actor, Now()
        run.state = becomes
        if becomes == State.CANCELLED:
            end(run)
        run.save()
        running = ConsumerState.State.RUNNING if becomes == State.RUNNING else ConsumerState.State.PAUSED
        ConsumerState.objects.filter(name=run.lane).update(state=running, changed_at=Now())
        told(run, {"approve": "approved", "cancel": "cancelled"}.get(verb, f"{verb}d"), reason)
        if becomes == State.RUNNING:
            transaction.on_commit(lambda: wakeups.wake_run(run.id), robust=True)
    run.refresh_from_db()
    return run


def locked(run_id: UUID) -> Run:
    """A run under its row lock. Raises Refused when there is none."""
    run = Run.objects.select_for_update(no_key=True).filter(pk=run_id).first()
    if run is None:
        raise Refused(f"There is no run {run_id}.", code="run_not_found", status=404)
    return run


def end(run: Run) -> None:
    """Nothing of it is delivered any more; its shadow tables go, its checkpoints stay to be looked at."""
    run.ended_at = Now()
    if run.target == Run.Target.SHADOW:
        shadows.drop(run.schema)


def told(run: Run, what: str, reason: str) -> None:
    """Write it into the history of operations."""
    append_about(run, RunChanged(run_id=run.id, consumer=run.consumer, what=what, reason=reason))


def append_about(run: Run, event: RunStarted | RunChanged | RunEnded) -> None:
    """A run is a story of its own: what is told of it follows from what was told before."""
    before = read_correlation(str(run.id), limit=100)
    with acting(correlation=str(run.id), causation=str(before[-1].id) if before else None):
        append(OPERATIONS, [event], expected=ANY)


def facts(run: Run) -> dict[str, Any]:
    """A run and how far it is, for JSON: rate in events a second since it started, eta in seconds."""
    from eventstore.runs.progress import progress_of

    plain = ("id", "consumer", "target", "effects", "selection", "state", "total", "rate", "blast", "outcome", "reason")
    shown = {name: getattr(run, name) for name in (*plain, "started_by", "approved_by", "created_at", "started_at", "ended_at")}
    return shown | {"progress": msgspec.to_builtins(progress_of(run))}
