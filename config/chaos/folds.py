"""The read tables once more, folded from the log by hand: slow, short, and written without a look at the projections."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from config.chaos.checker import Logged, Table

Rows = dict[Any, dict[str, Any]]


def fold_orders(log: Iterable[Logged]) -> dict[str, Table]:
    """What the read tables of orders, and the row that commands change, must hold, by primary key."""
    orders: Rows = defaultdict(dict)
    timeline: Rows = {}
    for event in sorted(log, key=lambda event: (event.stream, event.version)):
        if not event.name.startswith("orders."):
            continue
        data, order_id = event.data, UUID(event.data["order_id"])
        order = orders[order_id]
        order |= {"version": event.version, "changed_at": event.recorded_at}
        match event.name:
            case "orders.order_placed":
                empty = {"status": "placed", "refunded": 0, "refunds": [], "cancel_reason": "", "reject_reason": ""}
                empty |= {"external_id": data["external_id"], "pay_from": _id(data.get("pay_from")), "hold_id": None}
                order |= empty | {"currency": data["currency"], "placed_at": event.occurred_at}
            case "orders.order_confirmed":
                order |= {"status": "confirmed", "hold_id": _id(data["hold_id"])}
            case "orders.order_rejected":
                order |= {"status": "rejected", "reject_reason": data["reason"]}
            case "orders.order_cancelled":
                order |= {"status": "cancelled", "cancel_reason": data["reason"]}
            case "orders.order_refunded":
                order |= {"refunded": int(data["refunded_total"]), "refunds": [*order["refunds"], data]}
        if "lines" in data and "customer_ref" in data:
            order |= {"customer_ref": data["customer_ref"], "lines": data["lines"], "charges": data["charges"]}
            order |= {"total": int(data["total"]), "line_count": len(data["lines"])}
        timeline[event.id] = {"order_id": order_id, "version": event.version, "name": event.name, "happened_at": event.occurred_at}
    only_detail = {"lines", "charges", "refunds", "cancel_reason", "reject_reason", "external_id", "pay_from", "hold_id"}
    summaries = {key: {name: value for name, value in order.items() if name not in only_detail} for key, order in orders.items()}
    details = {key: {name: value for name, value in order.items() if name != "line_count"} for key, order in orders.items()}
    rows = {key: {name: order[name] for name in ("version", "status", "total", "refunded")} for key, order in orders.items()}
    return {"orders_ordersummary": summaries, "orders_orderdetail": details, "orders_timelineentry": timeline, "orders_order": rows}


def fold_ledger(log: Iterable[Logged]) -> dict[str, Table]:
    """What ledger_balance and ledger_statementline must hold. Of a posting, an event tells its home entry and the unversioned ones."""
    counters = ("debits_posted", "credits_posted", "debits_pending", "credits_pending", "version")
    balances: Rows = defaultdict(lambda: dict.fromkeys(counters, 0))
    lines: Rows = {}
    for event in sorted(log, key=lambda event: (event.stream, event.version)):
        data = event.data
        if event.name == "ledger.account_opened":
            account = balances[UUID(data["account_id"])]
            account |= {name: data[name] for name in ("code", "currency", "exponent", "normal_side")}
            account |= {"credit_limit": data["credit_limit"] and int(data["credit_limit"]), "version": max(1, account["version"])}
            continue
        for entry in _told(event):
            account_id, version = UUID(entry["account_id"]), entry["account_version"] or 0
            account, amount = balances[account_id], int(entry["amount"])
            account["version"] = max(version, account["version"])
            side = "debits" if entry["side"] == "D" else "credits"
            if "transaction_id" not in data:  # a hold that was placed, or has ended
                account[f"{side}_pending"] += amount if event.name in ("ledger.hold_placed", "ledger.entry_held") else -amount
                continue
            account[f"{side}_posted"] += amount
            account[f"{side}_pending"] -= int(data.get("unheld") or 0)
            line = {"account_id": account_id, "account_version": version, "transaction_id": UUID(data["transaction_id"])}
            line |= {"side": entry["side"], "amount": amount, "currency": entry["currency"]}
            line["balance_after"] = entry["balance_after"] and int(entry["balance_after"])
            lines[f"{account_id}:{version:010}:{data['transaction_id']}"] = line
    return {"ledger_balance": balances, "ledger_statementline": lines}


def _told(event: Logged) -> list[dict[str, Any]]:
    """The entries that an event speaks for."""
    match event.name:
        case "ledger.transaction_posted":
            entries = event.data["entries"]
            home = next((entry for entry in entries if entry["account_version"]), None)
            return [entry for entry in entries if entry is home or not entry["account_version"]]
        case "ledger.entry_posted" | "ledger.entry_held" | "ledger.entry_released":
            return [event.data["entry"]]
        case "ledger.hold_placed" | "ledger.hold_voided" | "ledger.hold_expired":
            return [entry for entry in event.data["entries"] if not entry["account_version"]]
        case _:
            return []


def _id(told: str | None) -> UUID | None:
    return UUID(told) if told else None
