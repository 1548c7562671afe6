"""One order over HTTP, as a customer sends it: placed, read back from its read table, its timeline told."""

import json
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from config.local.errors import CannotRun

BODY = {
    "currency": "EUR",
    "customer_ref": "ada@example.org",
    "lines": [{"sku": "TEA-GREEN", "quantity": 2, "unit_price": "450"}],
}

#: Seconds for the order to appear in its read table; it takes a fraction of one.
PATIENCE = 30.0

#: No proxy of the environment: this is our own machine.
NEARBY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def ask(url: str, *, key: str = "", body: Any = None, headers: dict[str, str] | None = None, seconds: float = 15) -> Answer:
    """GET, or POST when there is a body. Every status is an answer; only silence is an error."""
    sent = {"Accept": "application/json", "Content-Type": "application/json"} | (headers or {})
    if key:
        sent["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with NEARBY.open(urllib.request.Request(url, data=data, headers=sent), timeout=seconds) as reply:
            return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, {name.lower(): value for name, value in error.headers.items()}, error.read().decode(errors="replace"))


def place_order(site: str, key: str) -> list[str]:
    """Place an order, wait for its read table, and return its story, one line a step. Raises CannotRun."""
    begun = time.monotonic()
    placed = expect(
        201, ask(f"{site}/api/v1/orders", key=key, body=BODY, headers={"Idempotency-Key": str(uuid.uuid4())}), "POST /api/v1/orders"
    )
    order, position = placed.body["id"], placed.headers.get("event-position", "")
    story = [f"POST /api/v1/orders → 201, order {order}, Event-Position {position} ({since(begun)})"]

    read = f"/api/v1/orders/{order}"
    until = time.monotonic() + PATIENCE
    # The read table says itself when it is not there yet: 503 with Retry-After, or 404 while it has no row.
    while (found := ask(site + read, key=key, headers={"Min-Position": position})).status in (404, 503):
        if time.monotonic() > until:
            raise CannotRun(f"Order {order} did not reach its read table within {PATIENCE:.0f} s; GET {read} said {found.text[:500]}")
        time.sleep(0.1)
    status = expect(200, found, f"GET {read}").body["status"]
    story.append(f"GET {read} with Min-Position → 200, {status} ({since(begun)})")

    events = expect(200, ask(f"{site}{read}/events", key=key), f"GET {read}/events").body["data"]
    if not events:
        raise CannotRun(f"Order {order} has no events, although it was placed.")
    return [*story, *(f"  {event['version']}  {event['name']}  {event.get('recorded_at', '')}" for event in events)]


def expect(status: int, answer: Answer, request: str) -> Answer:
    """The answer, if it has this status."""
    if answer.status != status:
        raise CannotRun(f"{request} answered {answer.status} instead of {status}: {answer.text[:500]}")
    return answer


def curl(site: str, key: str) -> str:
    """The same order for a terminal."""
    body = json.dumps(BODY, separators=(",", ":"))
    return (
        f"curl -i {site}/api/v1/orders -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: {uuid.uuid4()}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def since(begun: float) -> str:
    return f"{1000 * (time.monotonic() - begun):.0f} ms"
