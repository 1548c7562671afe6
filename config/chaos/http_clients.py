"""A client over HTTP: places, changes and cancels orders, moves money, reads what it wrote. Standard library only.

python -m config.chaos.http_clients NAME SEED HISTORY THINK
"""

import http.client
import json
import os
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.chaos.clients import Answer, Client, Wish

#: Where and as whom, from the environment: a key on a command line is there for everybody to read.
SITE, KEY = "DAYBOOK_CHAOS_SITE", "DAYBOOK_CHAOS_KEY"

#: Seconds for one answer: longer than a stopped server stays stopped.
SILENCE = 4.0

#: Codes of answers that say neither yes nor no, and statuses of those that say no.
AGAIN = ("idempotency_in_progress", "stream_moved")
NO = (409, 412, 422)


class HttpClient:
    """Wishes for requests."""

    def __init__(self, client: Client, site: str, key: str) -> None:
        self.client, self.dice = client, client.dice
        self.place = urlsplit(site).netloc
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Accept": "application/json"}
        self.account, self.bank = str(uuid.UUID(int=self.dice.getrandbits(128), version=4)), f"bank:{client.name}:EUR"
        self.to_open = [{"account_id": self.account, "owner_ref": client.name}, {"code": self.bank}]
        self.orders: dict[str, int] = {}  #: placed and not cancelled, with the version that was told

    def wish(self) -> Wish:
        """The next one, by the dice."""
        if self.to_open:
            return self._post("open account", "ledger/accounts", self.to_open.pop() | {"currency": "EUR"})
        choice = self.dice.random()
        if choice < 0.45 or not self.orders:
            return self._post("place", "orders", self._contents() | self._payment() | {"currency": "EUR"}, self._keep, orders=1)
        if choice < 0.60:
            return self._move_money("credit", self.dice.randint(1, 1000))
        if choice < 0.75:
            return self._move_money("withdraw", self.dice.randint(1, 2000))  # refused now and then
        order = self.dice.choice(list(self.orders))
        if choice < 0.88:
            headers = {"If-Match": f'"{self.orders[order]}"'}
            return self._send("change", "PATCH", f"orders/{order}", self._contents(), self._keep, headers=headers)
        del self.orders[order]
        return self._post("cancel", f"orders/{order}/cancel", {"reason": "chaos"})

    def _payment(self) -> dict[str, Any]:
        """Half of the orders are small and paid from the account: their money is held by the order process, if there is any."""
        if self.dice.random() < 0.5:
            return {}
        line = {"sku": "sku-1", "quantity": 1, "unit_price": str(self.dice.randint(1, 900))}
        return {"pay_from": self.account, "lines": [line]}

    def _move_money(self, what: str, amount: int) -> Wish:
        reference = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        body = {"amount": str(amount), "currency": "EUR", "counterparty": self.bank, "external_id": reference}
        return self._post(what, f"ledger/accounts/{self.account}/{what}", body)

    def _contents(self) -> dict[str, Any]:
        roll = self.dice.randint
        lines = [{"sku": f"sku-{roll(1, 50)}", "quantity": roll(1, 9), "unit_price": str(roll(1, 9999))} for _ in range(roll(1, 3))]
        return {"customer_ref": f"{self.client.name} {roll(1, 99)}", "lines": lines}

    def _post(self, what: str, path: str, body: Any, then: Callable[[Answer], None] = lambda answer: None, orders: int = 0) -> Wish:
        return self._send(what, "POST", path, body, then, orders=orders)

    def _send(
        self,
        what: str,
        method: str,
        path: str,
        body: Any,
        then: Callable[[Answer], None],
        *,
        orders: int = 0,
        headers: dict[str, str] | None = None,
    ) -> Wish:
        attempt = partial(self._attempt, method, f"/api/v1/{path}", json.dumps(body), headers or {})
        return Wish(what, 1, attempt, then, orders)

    def _keep(self, answer: Answer) -> None:
        """Remember an order as it was told, and read it back now and then: a read table must not be behind its Min-Position."""
        self.orders[answer.told["id"]] = answer.told["version"]
        if self.dice.random() < 0.3:
            self._read_back(answer)

    def _read_back(self, answer: Answer) -> None:
        order, version = answer.told["id"], answer.told["version"]
        try:
            status, _, told = self._ask("GET", f"/api/v1/orders/{order}", None, {"Min-Position": answer.position})
        except (OSError, http.client.HTTPException, ValueError):
            return
        if status == 404 or (status == 200 and told["version"] < version):
            seen = f"version {told['version']}" if status == 200 else "nothing"
            self.client.history.stale(f"order {order}: {seen} read at Min-Position {answer.position}, which is version {version}")

    def _attempt(self, method: str, path: str, body: str, more: dict[str, str], key: str) -> Answer:
        try:
            status, headers, told = self._ask(method, path, body, more | {"Idempotency-Key": key})
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer("retry", why=type(error).__name__)
        if status < 300:
            return Answer("ok", position=headers.get("Event-Position", ""), told=told)
        why = f"{status} {told.get('code')}"
        if status >= 500 or told.get("code") in AGAIN:
            return Answer("retry", why=why)
        if status not in NO:
            raise RuntimeError(f"{method} {path} {body} was answered {status}: {told}")
        return Answer("fail", why=why)

    def _ask(self, method: str, path: str, body: str | None, more: dict[str, str]) -> tuple[int, Any, Any]:
        line = http.client.HTTPConnection(self.place, timeout=SILENCE)
        try:
            line.request(method, path, body, self.headers | more)
            reply = line.getresponse()
            return reply.status, reply.headers, json.loads(reply.read())
        finally:
            line.close()


def main(name: str, seed: str, history: str, think: str) -> None:
    client = Client(name, int(seed), Path(history), float(think))
    client.live(HttpClient(client, os.environ[SITE], os.environ[KEY]).wish)


if __name__ == "__main__":
    main(*sys.argv[1:])
