"""Where it happens: the servers, the processes, and what is due later (a stopped process goes on, a server comes back)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import redis

from config.chaos.nodes import Node, bury
from config.local.servers import Servers


class Scene:
    """Everything that a fault may hit."""

    def __init__(self, servers: Servers, web: Node, worker: Node, runs: Node, beat: Node) -> None:
        self.servers, self.web, self.worker, self.runs, self.beat = servers, web, worker, runs, beat
        self.clients: list[Node] = []
        self._due: list[tuple[float, Callable[[], None]]] = []

    @property
    def nodes(self) -> list[Node]:
        return [self.web, self.worker, self.runs, self.beat]

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something in a while."""
        self._due.append((time.monotonic() + seconds, do))

    def look(self) -> None:
        """Do what is due, start again what died."""
        now = time.monotonic()
        due = [do for at, do in self._due if at <= now]
        self._due = [(at, do) for at, do in self._due if at > now]
        for do in due:
            do()
        for node in self.nodes:
            node.revive()
        bury([*self.nodes, *self.clients])

    def pause(self, seconds: float) -> None:
        """Let time pass, and look after everything meanwhile."""
        until = time.monotonic() + seconds
        self.look()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))
            self.look()

    def heal(self) -> None:
        """End every fault: nobody is stopped, both servers run, whatever died is started again."""
        for _, do in self._due:
            do()
        self._due.clear()
        for node in self.nodes:
            if not node.is_running:
                node.start()

    @contextmanager
    def postgres(self) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        """A connection of our own, for one question."""
        with psycopg.connect(self.servers.postgres.url, autocommit=True, connect_timeout=2) as connection:
            yield connection

    @contextmanager
    def valkey(self) -> Iterator["redis.Redis"]:
        """A connection of our own, for one fault."""
        with redis.Redis.from_url(self.servers.valkey.url, socket_timeout=2) as client:
            yield client
