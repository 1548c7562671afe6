"""One run: start everything, load it, break it, heal it, wait until all is done, and judge what is there."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from config.chaos import evidence, faults, plans, verdicts
from config.chaos.histories import read_histories
from config.chaos.http_clients import KEY, SITE
from config.chaos.nodes import Node, end_all, send
from config.chaos.scenes import Scene
from config.chaos.verdicts import Verdict
from config.local import ports
from config.local.errors import CannotRun
from config.local.opening import programs
from config.local.places import CHECKOUT
from config.local.servers import Servers, temporary

#: Seconds: for the first event to take effect, for everything to be done after healing, and for a process to stop.
OPENING, LIVENESS, GRACE = 120.0, 30.0, 5.0

#: What staff did, in a file beside the histories.
TALLY = "staff.json"

#: Seconds that a client waits between two calls, on average.
THINK = 0.06

Tell = Callable[[str], None]


class Options(msgspec.Struct, frozen=True):
    """What to run."""

    seconds: float = 25.0
    seed: int = 1
    without: tuple[str, ...] = ()
    keep: Path | None = None  #: where histories and logs are kept


def run(options: Options, tell: Tell) -> Verdict:
    """Raises CannotRun when the run itself did not work out."""
    with temporary(durable=True) as servers, ports.listen(0) as listening, kept(servers.data / "chaos", options.keep) as folder:
        tell = writing_down(folder / "run.log", tell)
        environment = surroundings(servers, options)
        environment |= prepare(servers, environment)
        environment[SITE] = f"http://{ports.HOST}:{listening.getsockname()[1]}"
        scene = set_up(servers, environment, folder, listening.fileno(), options)
        with ending(scene):
            open_doors(scene, tell)
            struck = storm(scene, options, tell)
            recovery, stuck = settle(scene, tell)
            memory = read_histories(sorted(folder.glob("*.jsonl")))
            found = evidence.collect(servers.postgres.url, verdicts.TABLES)
            staff = json.loads((folder / TALLY).read_text())
    damages = verdicts.find_damages(memory, found, stuck, staff["wrong"])
    return Verdict(
        seed=options.seed,
        seconds=options.seconds,
        orders=sum(call.orders for call in memory.calls if call.outcome == "ok"),
        events=len(found.log),
        faults=dict(sorted(struck.items())),
        **verdicts.count(damages),
        indeterminate=sum(call.outcome == "info" for call in memory.calls),
        recovery_seconds=round(recovery, 2),
        **found.figures,
        crashes=sum(node.crashes for node in scene.nodes),
        retries=dict(sorted(memory.retries.items())),
        ledger_sum=sum(amount for _, amount in found.postings),
        staff=staff["done"],
        without=options.without,
        damages=[f"{damage.kind}: {damage.sentence}" for damage in damages],
    )


@contextmanager
def kept(folder: Path, at: Path | None) -> Iterator[Path]:
    """A folder for what clients and processes say; copied before it goes away, if somebody wants it."""
    folder.mkdir()
    try:
        yield folder
    finally:
        if at:
            shutil.copytree(folder, at, dirs_exist_ok=True)


def writing_down(path: Path, tell: Tell) -> Tell:
    """Tell, and keep what was told with its time: the other half of the processes' logs."""

    def both(sentence: str) -> None:
        with path.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {sentence}\n")
        tell(sentence)

    return both


def surroundings(servers: Servers, options: Options) -> dict[str, str]:
    """The environment of every process of the run."""
    chosen = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DAYBOOK_CHAOS": "1",
        "EVENTSTORE_WITHOUT": ",".join(options.without),
        # Few partitions: each of them is busy when something hits it.
        "EVENTSTORE_PARTITIONS": "4",
        "DATABASE_POOL": "8",
        "PYTHONUNBUFFERED": "1",
    }
    return dict(os.environ) | servers.environment() | chosen


def prepare(servers: Servers, environment: dict[str, str]) -> dict[str, str]:
    """Tables, the one of the witness among them, and an API key."""
    command(environment, "migrate", "--verbosity", "0")
    with psycopg.connect(servers.postgres.url, autocommit=True) as connection:
        connection.execute(evidence.TABLE)
    told = command(environment, "create_api_key", "--name", "chaos", "--scopes", "*", "--json")
    return {KEY: json.loads(told)["key"]}


def command(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of manage.py to its end; return what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CannotRun(f"manage.py {arguments[0]} failed in the chaos run:\n{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def set_up(servers: Servers, environment: dict[str, str], folder: Path, descriptor: int, options: Options) -> Scene:
    """The processes that `manage.py up` would start, as far as orders need them, and clients."""
    nodes = {
        program.name: Node(program.name, program.command, environment, folder, program.descriptors) for program in programs(descriptor, "")
    }
    scene = Scene(servers, nodes["web"], nodes["worker"], nodes["runs"], nodes["beat"])
    scene.worker.command += ["--concurrency", "4"]  # more than one wants the same partition now and then
    outside = ["-m", "config.chaos.http_clients"]
    inside = ["-c", "import django; django.setup(); from config.chaos.unit_clients import main; main()"]
    for name, program in {"ada": outside, "ben": outside, "cleo": outside, "unit": inside}.items():
        arguments = [name, str(options.seed), str(folder / f"{name}.jsonl"), str(THINK)]
        scene.clients.append(Node(name, [sys.executable, *program, *arguments], environment, folder))
    (folder / TALLY).write_text('{"done": {}, "wrong": []}')
    at_work = "import django; django.setup(); from config.chaos.staff import main; main()"
    scene.clients.append(Node("staff", [sys.executable, "-c", at_work, str(options.seed), str(folder / TALLY)], environment, folder))
    return scene


@contextmanager
def ending(scene: Scene) -> Iterator[None]:
    """Whatever happens, no process is left."""
    try:
        yield
    finally:
        # Once is enough: another Ctrl-C would leave something behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_all([*scene.clients, *scene.nodes])
        signal.signal(signal.SIGINT, before)


def open_doors(scene: Scene, tell: Tell) -> None:
    """Start everything; return when the first event took effect."""
    begun = time.monotonic()
    for node in (*scene.nodes, *scene.clients):
        node.start()
    with scene.postgres() as connection:
        while not connection.execute("SELECT 1 FROM chaos_effect LIMIT 1").fetchone():
            scene.pause(0.2)
            must_live(scene.clients)
            if time.monotonic() - begun > OPENING:
                raise CannotRun(f"Nothing took effect within {OPENING:.0f} s. {last_words(scene.nodes)}")
    tell(f"The shop is open ({time.monotonic() - begun:.1f} s).")


def storm(scene: Scene, options: Options, tell: Tell) -> Counter[str]:
    """One blow after the other; return how many there were of each kind."""
    struck: Counter[str] = Counter()
    begun = time.monotonic()
    for blow in plans.plan(options.seed, faults.weights(options.without)):
        if time.monotonic() - begun + blow.pause > options.seconds:
            break
        scene.pause(blow.pause)
        must_live(scene.clients)
        if did := faults.strike(scene, blow):
            struck[blow.kind] += 1
            tell(f"{time.monotonic() - begun:6.1f} s  {did}")
    scene.pause(options.seconds - (time.monotonic() - begun))
    return struck


def settle(scene: Scene, tell: Tell) -> tuple[float, str]:
    """Stop the load, heal everything, wait until all is done. Return the seconds it took, and what was left when patience ended."""
    for client in scene.clients:
        send(client.pid, signal.SIGTERM)
    scene.heal()
    healed = time.monotonic()
    tell("Healed; clients end their last calls.")
    while any(client.is_running for client in scene.clients):
        scene.pause(0.1)
    must_live(scene.clients)
    left = drain(scene, time.monotonic() + LIVENESS)
    recovery = time.monotonic() - healed
    tell(f"Everything done {recovery:.1f} s after healing." if not left else f"Not done: {left}")
    # A request whose client has gone may still be at work.
    scene.web.end(GRACE)
    left = left or drain(scene, time.monotonic() + GRACE)
    return recovery, left and f"{left} {last_words(scene.nodes)}"


def drain(scene: Scene, until: float) -> str:
    """Wait until nothing waits; say what does when the time is over."""
    with scene.postgres() as connection:
        while not (waiting := evidence.waiting(connection)).is_over:
            if time.monotonic() > until:
                return f"{waiting} after {LIVENESS:.0f} s."
            scene.pause(0.1)
    return ""


def must_live(clients: Sequence[Node]) -> None:
    """Nobody hits a client; one that died is a mistake of ours."""
    if dead := [client for client in clients if client.code not in (None, 0)]:
        raise CannotRun(f"A client of the chaos run died. {last_words(dead)}")


def last_words(nodes: Sequence[Any]) -> str:
    """The end of what these processes said."""
    return "\n".join(f"{node.name} said last: {tail}" for node in nodes if (tail := node.said.read_text(errors="replace")[-1500:].strip()))
