"""Shadow tables go live: caught up, compared, exchanged in one transaction; and back again if that was wrong."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models.functions import Now
from msgspec.structs import replace

from eventstore.delivery import handle_upto, wakeups
from eventstore.errors import Refused
from eventstore.log import current_position, unit_of_work
from eventstore.models import Checkpoint, ConsumerState, ParkedKey, Run
from eventstore.projections import Projection, projection_named
from eventstore.runs import shadows, sightings
from eventstore.runs.differences import Diff, compare
from eventstore.runs.lanes import RunLane, lane_named
from eventstore.runs.starting import locked, told
from eventstore.runs.stepping import drive

State = Run.State
NEAR = 1000  #: events that may be left to catch up while the live projection waits


def catch_up(run_id: UUID, rounds: int = 20) -> Run:
    """Fold what was recorded since a shadow run began, until little is left. Live delivery goes on meanwhile."""
    for _ in range(rounds):
        if look_ahead(Run.objects.get(pk=run_id)) <= NEAR:
            break
        drive(run_id)
    return Run.objects.get(pk=run_id)


def look_ahead(run: Run) -> int:
    """Let a shadow run go on to what was recorded since; return how many events of the log lie before it. Raises Refused."""
    if run.target != Run.Target.SHADOW:
        raise Refused("Only a rebuild beside the live tables catches up; a replay ends where it was counted to.", code="not_a_rebuild")
    if run.as_of:
        return 0  # what came later is none of its business
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(
            """UPDATE eventstore_checkpoint c SET until = p.head FROM eventstore_partition p
               WHERE p.id = c.partition AND c.consumer = %s""",
            [run.lane],
        )
        return sum(current_position().heads.values()) - sum(_positions(run.lane).values())


def catch_up_soon(run: Run) -> int:
    """The same in the background, after COMMIT; return how many events of the log are left."""
    left = look_ahead(run)
    if left > NEAR:
        transaction.on_commit(lambda: wakeups.wake_run(run.id), robust=True)
    return left


def preview(run_id: UUID) -> Diff:
    """What a swap would change now; of a run that stopped in the past, what differed then.

    The live projection stands still while the last events are folded and the rows compared.
    """
    with unit_of_work():
        run = _ready(run_id)
        projection, lane = projection_named(run.consumer), lane_named(run.lane)
        if not run.as_of:
            _meet(projection, lane)
        diff = replace(compare(projection, run.schema), digest=sightings.note(projection, run.schema))
        run.tell(diff=msgspec.to_builtins(diff), seen_at=_positions(lane.name))
        run.save(update_fields=["outcome"])
    return diff


def swap(run_id: UUID, reason: str, expected: Iterable[str] = (), *, seen: str = "", anything: bool = False) -> Diff:
    """Exchange the tables in one transaction and keep the old ones for a rollback; return what it changed.

    The equality gate: raises Refused when rows differ in a way that nobody declared. `expected` names columns, "+" for
    rows that appear and "-" for rows that go; `anything` is for a person who approved the preview. `seen` is the digest
    of a preview: refused too when rows differ otherwise than it showed.
    """
    with unit_of_work():
        run = _ready(run_id)
        _must_be_of_now(run)
        newest = run.outcome.get("diff", {}).get("digest")
        if seen and seen != newest:
            raise Refused(
                "Somebody made another preview than the one you name. Look at that one, then decide.",
                code="other_preview",
                status=412,
                digest=newest,
            )
        projection, lane = projection_named(run.consumer), lane_named(run.lane)
        _meet(projection, lane)
        if seen and (moved := sightings.unseen(projection, run.schema, run.outcome["seen_at"])):
            raise Refused(
                f"{moved} rows of {run.consumer} differ otherwise than in the preview that you saw, and no event touched them since. "
                "Make another one, then decide.",
                code="differences_moved",
            )
        diff = compare(projection, run.schema)
        undeclared = 0 if anything else diff.undeclared(expected)
        if undeclared:
            raise Refused(
                f"{undeclared} rows of {run.consumer} differ from the live ones and nobody declared that: {diff.added} added, "
                f"{diff.changed} changed ({', '.join(diff.columns) or 'no column'}), {diff.removed} removed. Look at the preview and "
                "name what should differ, or approve it.",
                code="undeclared_differences",
                diff=msgspec.to_builtins(diff),
            )
        shadows.swap(run.schema, projection.tables)
        _hand_over(run, projection)
        run.state, run.ended_at = State.COMPLETED, Now()
        run.tell(diff=msgspec.to_builtins(diff), swapped=True)
        run.save()
        told(run, "swapped in", reason)
    return diff


def approve(run_id: UUID, reason: str, seen: str) -> Diff:
    """Swap in what a person has looked at, whatever differs. `seen` is the digest of that preview.

    Raises Refused when there was no preview or no reason, and when what would be swapped is not what was seen, but for
    rows that events touched since.
    """
    if not reason.strip():
        raise Refused("An approval needs a reason: it stands in the history for whoever asks later.", code="reason_missing", status=422)
    with unit_of_work():
        run = _ready(run_id)
        _must_be_of_now(run)
        if "diff" not in run.outcome:
            raise Refused("Nobody has looked at this run yet: preview it before you approve it.", code="not_previewed")
        if not seen:
            raise Refused(
                "An approval says which preview was looked at: `seen` is the digest of its diff.", code="preview_not_named", status=428
            )
        if look_ahead(run) > NEAR:
            raise Refused("Too much was recorded since the preview. Make another one, then decide.", code="catching_up")
        return swap(run_id, reason, seen=seen, anything=True)


def roll_back(run_id: UUID, reason: str) -> None:
    """The old tables are live again; their projection goes back to where it stood at the swap and catches up."""
    with unit_of_work():
        run = locked(run_id)
        stood: dict[str, Any] | None = run.outcome.get("stood")
        if not run.outcome.get("swapped") or stood is None:
            raise Refused("There is nothing to roll back: the tables of this run were not swapped in, or are gone.", code="not_swapped")
        projection = projection_named(run.consumer)
        _stop(projection.name)
        shadows.swap(run.schema, projection.tables)
        for partition, position in stood.items():
            Checkpoint.objects.filter(consumer=projection.name, partition=partition).update(position=position, attempts=0)
        # What waits now is delivered again from there; what waited then still lacks its effects in the old tables.
        _end_waiting(projection.name)
        ParkedKey.objects.filter(pk__in=run.outcome["waited"]).update(state=ParkedKey.State.DEAD, ended_at=None)
        run.tell(swapped=False, rolled_back=True)
        run.save()
        told(run, "rolled back", reason)


def throw_away(run_id: UUID, reason: str) -> None:
    """Drop the tables that a swap kept aside; from here on there is no rollback."""
    with unit_of_work():
        run = locked(run_id)
        if run.state != State.COMPLETED or run.target != Run.Target.SHADOW:
            raise Refused("Only a run whose tables were swapped in keeps old ones. Cancel it to throw its tables away.", code="not_swapped")
        shadows.drop(run.schema)
        run.tell(stood=None)
        run.save()
        told(run, "old tables thrown away", reason)


def _ready(run_id: UUID) -> Run:
    run = locked(run_id)
    if run.state != State.READY:
        raise Refused(
            f"The run is {State(run.state).label}; its tables can be compared and swapped when it is ready.", code=f"run_{run.state}"
        )
    return run


def _must_be_of_now(run: Run) -> None:
    if run.as_of:
        raise Refused(
            f"This run shows {run.consumer} as of {run.as_of}; tables of the past never go live. Rebuild without as_of to swap.",
            code="run_of_the_past",
        )


def _stop(name: str) -> dict[int, int]:
    """Hold all checkpoints of a consumer until COMMIT, in order: no step of it runs meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT partition, position FROM eventstore_checkpoint WHERE consumer = %s ORDER BY partition FOR UPDATE", [name])
        return dict(cursor.fetchall())


def _meet(projection: Projection, lane: RunLane) -> None:
    """Bring both to where the one that is ahead stands, in this transaction: then they show the same moment."""
    live, shadow = _stop(projection.name), _stop(lane.name)
    for partition, position in live.items():
        beside = shadow[partition]
        if beside < position:
            handle_upto(lane, partition, beside, position)
        elif position < beside:
            handle_upto(projection, partition, position, beside)


def _hand_over(run: Run, projection: Projection) -> None:
    """Keys that waited for the live projection were folded anew; those that failed anew wait for it from now on."""
    waited = _end_waiting(projection.name)
    ParkedKey.objects.filter(consumer=run.lane, state__in=ParkedKey.WAITING).update(consumer=projection.name)
    ConsumerState.objects.filter(name=run.lane).delete()
    run.tell(stood=_positions(projection.name), waited=waited)


def _end_waiting(name: str) -> list[str]:
    """End the waiting of every parked key of a consumer; return which they were."""
    waiting = ParkedKey.objects.filter(consumer=name, state__in=ParkedKey.WAITING)
    found = [str(key) for key in waiting.values_list("pk", flat=True)]
    waiting.update(state=ParkedKey.State.RESOLVED, next_attempt_at=None, ended_at=Now())
    return found


def _positions(name: str) -> dict[int, int]:
    return dict(Checkpoint.objects.filter(consumer=name).values_list("partition", "position"))
