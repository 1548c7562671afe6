"""A client inside the house: units of work over several streams at once, in a process of its own, without HTTP."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from django.db import Error, connection

from config.chaos.clients import Answer, Client, Wish
from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.errors import StreamMoved
from eventstore.log import unit_of_work
from orders.commands import CancelOrder, OrderCommand, PlaceOrder, UpdateOrder
from orders.events import Line
from orders.handlers import handle

#: Orders that are changed over and over: long streams show every slip in their order.
HOT = 2


class ChangedMind(Exception):
    """This unit of work ends without COMMIT, on purpose."""


class UnitClient:
    """Wishes for units of work."""

    def __init__(self, client: Client) -> None:
        self.dice = client.dice
        self.hot: list[UUID] = []
        self.recent: list[UUID] = []
        self.changes = 0

    def wish(self) -> Wish:
        """The next one, by the dice."""
        if len(self.hot) < HOT:
            return self._place("place", 1, self.hot.extend)
        choice = self.dice.random()
        if choice < 0.25:
            return self._place("place", 1, self.recent.extend)
        if choice < 0.50:
            return self._place("place together", self.dice.randint(2, 5), self.recent.extend)
        if choice < 0.55:
            return self._change_mind()
        if choice < 0.70 and self.recent:
            return self._cancel(self.recent.pop(self.dice.randrange(len(self.recent))))
        return self._change_hot()

    def _place(self, what: str, orders: int, keep: Callable[[list[UUID]], None]) -> Wish:
        ids = [new_id() for _ in range(orders)]
        return Wish(what, orders, partial(attempt, self._new_orders(ids)), lambda answer: keep(ids), orders)

    def _change_mind(self) -> Wish:
        return Wish("change mind", 2, partial(attempt, self._new_orders([new_id(), new_id()]), change_mind=True))

    def _change_hot(self) -> Wish:
        self.changes += 1
        commands = [UpdateOrder(order_id=id, customer_ref=f"change {self.changes}", lines=self._lines()) for id in self.hot]
        return Wish("change hot", len(commands), partial(attempt, commands))

    def _cancel(self, order_id: UUID) -> Wish:
        return Wish("cancel", 1, partial(attempt, [CancelOrder(order_id=order_id, reason="chaos")]))

    def _new_orders(self, ids: list[UUID]) -> list[PlaceOrder]:
        return [PlaceOrder(order_id=id, currency="EUR", customer_ref=f"unit {id}", lines=self._lines()) for id in ids]

    def _lines(self) -> tuple[Line, ...]:
        roll = self.dice.randint
        return tuple(Line(sku=f"sku-{roll(1, 50)}", quantity=roll(1, 9), unit_price=str(roll(1, 9999))) for _ in range(roll(1, 3)))


def attempt(commands: Sequence[OrderCommand], key: str, *, change_mind: bool = False) -> Answer:
    """All commands in one unit of work. If an earlier try did commit, each of them is "already so" and writes nothing."""
    try:
        with acting(actor="chaos", idempotency_key=key), unit_of_work() as work:
            for command in commands:
                handle(command)
            if change_mind:
                raise ChangedMind
        return Answer("ok", position=str(work.position or ""))
    except ChangedMind:
        return Answer("fail", why="changed mind")
    except (Error, StreamMoved) as error:
        # Perhaps COMMIT was on its way.
        connection.close()
        return Answer("fail" if change_mind else "retry", why=type(error).__name__)


def main() -> None:
    name, seed, history, think = sys.argv[1:]
    client = Client(name, int(seed), Path(history), float(think))
    client.live(UnitClient(client).wish)
