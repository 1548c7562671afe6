"""A client of a shop: one connection that stays open, one order after the other."""

import time
from http.client import HTTPConnection

import msgspec

from config.benchmark.crews import Act
from config.benchmark.examples import body
from config.benchmark.shops import Shop
from config.local import ports
from eventstore.clock import new_id

#: Seconds after which a connection is closed before the server does so: the other shop had its turn.
IDLE = 0.5


def prepare(shop: Shop) -> Act:
    """Places an order with each act."""
    connection = HTTPConnection(ports.HOST, shop.port, timeout=30)
    sent = msgspec.json.encode(body())
    headers = {"Authorization": shop.authorization, "Content-Type": "application/json"}

    used = time.monotonic()

    def act() -> str:
        nonlocal used
        if time.monotonic() - used > IDLE:
            connection.close()  # it opens again by itself
        # The plain shop does not look at the key; both are sent the same.
        connection.request("POST", shop.path, sent, headers | {"Idempotency-Key": str(new_id())})
        answer = connection.getresponse()
        told = answer.read()
        used = time.monotonic()
        if answer.status != 201:
            raise RuntimeError(f"POST {shop.path} answered {answer.status}: {told[:500].decode(errors='replace')}")
        return str(msgspec.json.decode(told)["id"])

    return act
