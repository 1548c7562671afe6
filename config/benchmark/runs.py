"""One run: servers of its own, then each measurement in a process and a database of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import redis

from config.benchmark import machines
from config.benchmark.measurements import Options, Row
from config.local.errors import CannotRun
from config.local.places import CHECKOUT
from config.local.servers import Servers, temporary

#: Each is a module of this package with `measure(options) -> list[Row]`, in the order of the run.
MEASUREMENTS = {
    "append": "appends",
    "relay": "relays",
    "rebuild": "rebuilds",
    "place_order": "placements",
    "read_table": "hops",
    "live_during_run": "journeys",
    "growth": "growth",
    "ledger": "postings",
    "import": "imports",
}

Tell = Callable[[str], None]


class Result(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    rows: list[Row]
    facts: dict[str, Any]

    @property
    def missed(self) -> list[Row]:
        """The rows whose ratio is not as wanted."""
        return [row for row in self.rows if row.is_met is False]


def run(options: Options, tell: Tell) -> Result:
    """Raises CannotRun when a measurement did not work out."""
    with temporary(durable=True) as servers:
        environment = surroundings(servers)
        call(environment, sys.executable, "manage.py", "migrate", "--verbosity", "0")
        facts = machines.facts(servers, options)
        rows: list[Row] = []
        for name in chosen(options):
            tell(f"Measuring {name} …")
            rows += measure(servers, environment, name, options)
        return Result(rows, facts)


def chosen(options: Options) -> Iterator[str]:
    """The measurements of this run; a file of orders has to be given."""
    for name in MEASUREMENTS:
        if name in options.only or (not options.only and (name != "import" or options.orders)):
            yield name


def surroundings(servers: Servers) -> dict[str, str]:
    """The environment of every process of the run: the settings as they are delivered, whatever this shell has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAYBOOK_", "EVENTSTORE_", "DATABASE_", "REDIS_"))}
    return kept | servers.environment() | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONUNBUFFERED": "1"}


def measure(servers: Servers, environment: dict[str, str], name: str, options: Options) -> list[Row]:
    """One measurement, on a copy of the migrated database and an empty Valkey: nothing depends on what ran before."""
    with psycopg.connect(servers.postgres.url.replace("/daybook?", "/postgres?"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE daybook")
    with redis.Redis.from_url(servers.valkey.url) as client:
        client.flushall()
    own = environment | {"DATABASE_URL": servers.postgres.url.replace("/daybook?", f"/{name}?")}
    said = call(own, sys.executable, "-m", "config.benchmark.measuring", MEASUREMENTS[name], msgspec.json.encode(options).decode())
    return msgspec.json.decode(said.splitlines()[-1], type=list[Row])


def call(environment: dict[str, str], *command: str | Path) -> str:
    """Run a program to its end; return what it printed. Raises CannotRun."""
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotRun(f"{' '.join(map(str, command[1:4]))} failed in the benchmark:\n{(done.stderr or done.stdout)[-3000:]}")
    return done.stdout
