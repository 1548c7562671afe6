"""The verdict of a run: every check over all the evidence, counted, as one JSON line or in words."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from config.chaos import checker
from config.chaos.checker import Damage
from config.chaos.evidence import Evidence
from config.chaos.folds import fold_ledger, fold_orders
from config.chaos.histories import Memory

#: The read tables and their primary keys.
TABLES = {
    "orders_ordersummary": "order_id",
    "orders_orderdetail": "order_id",
    "orders_timelineentry": "event_id",
    "orders_order": "id",
    "ledger_balance": "account_id",
    "ledger_statementline": "key",
}

#: Damages that are shown in full; their number is in the counts.
SHOWN = 12


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One run in figures. Every figure from `lost` to `ledger_sum` must be 0."""

    seed: int
    seconds: float
    orders: int
    events: int
    faults: dict[str, int]
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    torn: int = 0
    phantom: int = 0
    hole: int = 0
    projections_wrong: int = 0
    unbalanced: int = 0
    process: int = 0
    stale: int = 0
    stuck: int = 0
    ledger_sum: int
    indeterminate: int
    repairs: int
    fallbacks: int
    parked: int
    sagas: int  #: order processes, all of them at their end
    staff: dict[str, int]  #: what staff did meanwhile
    recovery_seconds: float
    p50_ms: float
    p99_ms: float
    crashes: int
    retries: dict[str, int]
    without: tuple[str, ...]
    damages: list[str]

    @property
    def is_sound(self) -> bool:
        return not self.damages


def find_damages(memory: Memory, found: Evidence, stuck: str, refused: Iterable[str] = ()) -> list[Damage]:
    """Every check."""
    damages = [
        *checker.check_calls(memory.calls, found.log),
        *checker.check_density(found.log, found.heads),
        *checker.check_versions(found.log),
        *checker.check_effects(found.log, found.effects),
        *checker.check_order(found.effects),
        *checker.check_replays(found.again),
        *(Damage("wrong_row", sentence) for sentence in refused),
        *checker.check_ledger(found.postings, found.floors),
        *checker.check_processes(found.tables["orders_orderdetail"], found.holds),
        *(Damage("stale", sentence) for sentence in memory.stale),
    ]
    for name, expected in (fold_orders(found.log) | fold_ledger(found.log)).items():
        damages += checker.check_table(name, expected, found.tables[name])
    return [*damages, *([Damage("stuck", stuck)] if stuck else [])]


def count(damages: Iterable[Damage]) -> dict[str, int]:
    """How many there are of each kind, by the name of the figure."""
    kinds = Counter(damage.kind for damage in damages)
    return {"projections_wrong" if kind == "wrong_row" else kind: number for kind, number in kinds.items()}


def in_json(verdict: Verdict) -> str:
    """For machines: one line."""
    return msgspec.json.encode(msgspec.structs.replace(verdict, damages=verdict.damages[:SHOWN])).decode()


def in_words(verdict: Verdict) -> str:
    """For people."""
    faults = ", ".join(f"{number} {kind}" for kind, number in sorted(verdict.faults.items()))
    retries = ", ".join(f"{number} × {why}" for why, number in sorted(verdict.retries.items()))
    lines = [
        f"{verdict.orders} orders, {verdict.events} events; {sum(verdict.faults.values())} faults: {faults}.",
        f"Lost {verdict.lost}, duplicated {verdict.duplicated}, out of order {verdict.out_of_order}, torn {verdict.torn}, "
        f"phantoms {verdict.phantom}, holes {verdict.hole}, wrong rows {verdict.projections_wrong}, "
        f"unbalanced {verdict.unbalanced}, orders and money apart {verdict.process}, stale reads {verdict.stale}.",
        f"Unknown outcomes {verdict.indeterminate}, stream repairs {verdict.repairs}, batches read from the log {verdict.fallbacks}, "
        f"keys parked {verdict.parked}, order processes {verdict.sagas}, processes that died by themselves {verdict.crashes}.",
        f"Staff meanwhile: {', '.join(f'{number} {what}' for what, number in sorted(verdict.staff.items())) or 'nothing'}.",
        f"Done {verdict.recovery_seconds} s after healing; from COMMIT to effect {verdict.p50_ms} ms (p50), {verdict.p99_ms} ms (p99).",
        f"Tried again after {retries or 'nothing'}.",
        *(f"  {sentence}" for sentence in verdict.damages[:SHOWN]),
    ]
    if len(verdict.damages) > SHOWN:
        lines.append(f"  … and {len(verdict.damages) - SHOWN} more.")
    off = f" without {', '.join(verdict.without)}" if verdict.without else ""
    lines.append(f"Seed {verdict.seed}{off}: {'every promise was kept' if verdict.is_sound else 'PROMISES WERE BROKEN'}.")
    return "\n".join(lines)
