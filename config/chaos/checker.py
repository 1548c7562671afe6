"""What went wrong? Pure functions from what was told, logged and done to a list of damages; the log itself is the order."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from config.chaos.histories import Call

Kind = Literal["lost", "duplicated", "out_of_order", "torn", "phantom", "hole", "wrong_row", "unbalanced", "process", "stale", "stuck"]
Row = Mapping[str, Any]
Table = Mapping[Any, Row]


class Damage(msgspec.Struct, frozen=True):
    """One broken promise, with the facts to look it up."""

    kind: Kind
    sentence: str


class Logged(msgspec.Struct, frozen=True):
    """One event of the log. `key` is the idempotency key of the call that wrote it, empty when it had none."""

    partition: int
    position: int
    id: UUID
    stream: str
    version: int
    name: str = ""
    key: str = ""
    data: dict[str, Any] = {}
    actor: str = ""
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.stream} version {self.version} (at {self.partition}-{self.position}, id {self.id})"


class Effect(msgspec.Struct, frozen=True):
    """One row of the witness."""

    event_id: UUID
    stream: str
    version: int


def check_calls(calls: Iterable[Call], log: Sequence[Logged]) -> list[Damage]:
    """What was acknowledged is there once, what failed is not, what is unknown is there whole or not at all."""
    written = Counter(event.key for event in log if event.key)
    key_at = {f"{event.partition}-{event.position}": event.key for event in log}
    damages: list[Damage] = []
    known = set()
    for call in calls:
        known.add(call.key)
        found, told = written[call.key], f"call {call.key} ({call.what}, {call.outcome})"
        counts = f"{told} should have written {call.events} events, the log has {found}"
        if call.outcome == "ok":
            damages += [Damage("lost", counts)] * (call.events - found)
        elif call.outcome == "fail" and found:
            damages.append(Damage("phantom", f"{told} failed, yet the log has {found} events of it"))
        elif 0 < found < call.events:
            damages.append(Damage("torn", counts))
        damages += [Damage("duplicated", counts)] * (found - call.events)
        if call.position and call.key not in [key_at.get(place) for place in call.position.split(".")]:
            damages.append(Damage("lost", f"{told} was told {call.position}, where the log has another event or none"))
    damages += [Damage("phantom", f"{n} events of call {key}, which nobody made") for key, n in written.items() if key not in known]
    return damages


def check_density(log: Iterable[Logged], heads: Mapping[int, int]) -> list[Damage]:
    """The positions of each partition are 1 to head, without a hole."""
    positions: defaultdict[int, set[int]] = defaultdict(set)
    for event in log:
        positions[event.partition].add(event.position)
    damages = []
    for partition in sorted(positions.keys() | heads.keys()):
        head = heads.get(partition, 0)
        wrong = positions[partition] ^ set(range(1, head + 1))
        damages += [Damage("hole", f"partition {partition}: position {at} is missing or beyond the head {head}") for at in sorted(wrong)]
    return damages


def check_versions(log: Iterable[Logged]) -> list[Damage]:
    """Along its partition each stream counts 1, 2, 3, …"""
    last: Counter[str] = Counter()
    damages = []
    for event in sorted(log, key=lambda event: (event.partition, event.position)):
        if event.version != last[event.stream] + 1:
            kind: Kind = "hole" if event.version > last[event.stream] else "out_of_order"
            damages.append(Damage(kind, f"{event} follows version {last[event.stream]}"))
        last[event.stream] = event.version
    return damages


def check_replays(again: Iterable[tuple[str, int, int, int]]) -> Iterator[Damage]:
    """Every replay that ended told each event that it had counted, once."""
    for run, counted, told, different in again:
        if different < counted:
            yield Damage("lost", f"Replay {run} counted {counted} events and told {different} of them.")
        if told > different:
            yield Damage("duplicated", f"Replay {run} told {told - different} events twice.")


def check_effects(log: Iterable[Logged], effects: Sequence[Effect]) -> list[Damage]:
    """Every event took effect exactly once, and nothing else did."""
    times = Counter(effect.event_id for effect in effects)
    damages: list[Damage] = []
    for event in log:
        match times.pop(event.id, 0):
            case 0:
                damages.append(Damage("lost", f"{event} never took effect"))
            case n:
                damages += [Damage("duplicated", f"{event} took effect {n} times")] * (n - 1)
    return damages + [Damage("phantom", f"event {event_id} took effect and is not in the log") for event_id in times]


def check_order(effects: Iterable[Effect]) -> list[Damage]:
    """The effects of a stream took place in the order of its versions; a repetition is no disorder but a duplicate."""
    highest: Counter[str] = Counter()
    seen = set()
    damages = []
    for effect in effects:
        if effect.event_id not in seen and effect.version < highest[effect.stream]:
            late = f"{effect.stream} version {effect.version} took effect after version {highest[effect.stream]}"
            damages.append(Damage("out_of_order", late))
        seen.add(effect.event_id)
        highest[effect.stream] = max(highest[effect.stream], effect.version)
    return damages


def check_table(name: str, expected: Table, found: Table) -> list[Damage]:
    """A read table is the fold of the log. Only the columns that the fold speaks of are compared."""
    damages: list[Damage] = []
    for key in sorted(expected.keys() | found.keys(), key=str):
        if key not in found or key not in expected:
            damages.append(Damage("wrong_row", f"{name} {key} is {'missing' if key in expected else 'there for no reason'}"))
            continue
        wrong = [
            f"{column} is {found[key][column]!r} instead of {value!r}"
            for column, value in expected[key].items()
            if found[key][column] != value
        ]
        if wrong:
            damages.append(Damage("wrong_row", f"{name} {key}: {', '.join(wrong)}"))
    return damages


def check_ledger(postings: Iterable[tuple[str, int]], balances: Iterable[tuple[str, int, int]]) -> list[Damage]:
    """Postings (currency, signed amount) sum to zero in each currency; no balance (account, amount, floor) is below its floor."""
    sums: Counter[str] = Counter()
    for currency, amount in postings:
        sums[currency] += amount
    damages = [Damage("unbalanced", f"the postings in {currency} sum to {total}") for currency, total in sorted(sums.items()) if total]
    below = [(account, amount, floor) for account, amount, floor in balances if amount < floor]
    return damages + [
        Damage("unbalanced", f"account {account} is at {amount}, below its floor {floor}") for account, amount, floor in below
    ]


def check_processes(orders: Table, holds: Iterable[tuple[Any, str, int]]) -> list[Damage]:
    """A confirmed order that is paid from an account has its whole total held, once; every other order has nothing held."""
    held: defaultdict[str, list[tuple[Any, int]]] = defaultdict(list)
    for hold_id, external_id, amount in holds:
        held[external_id.split(":")[1]].append((hold_id, amount))
    damages = []
    for key, order in orders.items():
        due = [(order["hold_id"], int(order["total"]))] if order["pay_from"] and order["status"] == "confirmed" else []
        found = held.pop(str(key), [])
        if found != due or (order["pay_from"] and order["status"] == "placed"):
            damages.append(Damage("process", f"order {key} is {order['status']}; held are {found} instead of {due}"))
    return damages + [Damage("process", f"money is held for order {key}, which does not exist") for key in held]
