"""The faults: what each does to the processes and the servers. All by pid, all healed by the run."""

import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

import psycopg
import redis

from config.chaos.nodes import send
from config.chaos.plans import Blow
from config.chaos.scenes import Scene
from config.local import pids
from config.local.errors import CannotRun

#: A fault answers with what it did, or None when there was nothing to hit.
Fault = Callable[[Scene, Blow], str | None]

#: The partition where the witness is furthest behind what the relay has published.
BEHIND = """
SELECT r.position - c.position AS lag, partition
FROM eventstore_relaycheckpoint r JOIN eventstore_checkpoint c USING (partition)
WHERE c.consumer = 'chaos.effects' ORDER BY lag DESC LIMIT 1
"""

FAULTS: dict[str, Fault] = {}
WEIGHTS: dict[str, int] = {}

#: Seconds that a stopped process is stopped, and that a killed server is away at most.
STOPPED, AWAY = 3.0, 1.0


def fault(weight: int = 1) -> Callable[[Fault], Fault]:
    """Declare a fault under the name of its function; `weight` is how often it comes in a round."""

    def register(hit: Fault) -> Fault:
        FAULTS[hit.__name__], WEIGHTS[hit.__name__] = hit, weight
        return hit

    return register


def weights(without: Collection[str]) -> dict[str, int]:
    """How often each fault comes in a round when these guards are off.

    The reading guards stand in for each other wherever a stream loses its newest entries. One that loses its oldest is
    seen by the consumer alone: without its check no relay can help, so a run that shows the relay's part leaves that out.
    """
    return {kind: weight for kind, weight in WEIGHTS.items() if (kind, *without) != ("xtrim_stream", "consumer-contiguity")}


def strike(scene: Scene, blow: Blow) -> str | None:
    """Let one fault happen. A server that is away already cannot be hit: None."""
    with suppress(psycopg.Error, redis.RedisError):
        return FAULTS[blow.kind](scene, blow)
    return None


@fault()
def kill_worker(scene: Scene, blow: Blow) -> str | None:
    """The pool lives on for a moment and finishes what it has, beside the next worker."""
    return _kill(scene.worker.pid, "the Celery worker", scene.worker.kill) if scene.worker.is_running else None


@fault(2)
def kill_worker_child(scene: Scene, blow: Blow) -> str | None:
    return _kill_one(scene.worker.children, blow, "a pool child")


@fault()
def kill_beat(scene: Scene, blow: Blow) -> str | None:
    return _kill(scene.beat.pid, "beat", scene.beat.kill) if scene.beat.is_running else None


@fault()
def kill_runs(scene: Scene, blow: Blow) -> str | None:
    return _kill(scene.runs.pid, "the worker of replays and rebuilds", scene.runs.kill) if scene.runs.is_running else None


@fault()
def kill_web(scene: Scene, blow: Blow) -> str | None:
    return _kill(scene.web.pid, "the web server and its workers", scene.web.kill_whole) if scene.web.is_running else None


@fault()
def kill_web_child(scene: Scene, blow: Blow) -> str | None:
    return _kill_one(scene.web.children, blow, "a web worker")


@fault(2)
def stop_worker_child(scene: Scene, blow: Blow) -> str | None:
    children = scene.worker.children
    return _stop(scene, [children[blow.pick(len(children))]], "a pool child") if children else None


@fault()
def stop_web(scene: Scene, blow: Blow) -> str | None:
    return _stop(scene, [scene.web.pid, *scene.web.children], "the web server") if scene.web.is_running else None


@fault(2)
def flushall(scene: Scene, blow: Blow) -> str:
    lag, _ = _somebody_behind(scene, 2)
    with scene.valkey() as client:
        client.flushall()
    return f"FLUSHALL while the witness is {lag} events behind"


@fault(2)
def del_stream(scene: Scene, blow: Blow) -> str | None:
    lag, partition = _somebody_behind(scene, 2)
    with scene.valkey() as client:
        stream = _a_stream(client, partition)
        return f"DEL {stream} while the witness is {lag} events behind" if stream and client.delete(stream) else None


@fault(2)
def xtrim_stream(scene: Scene, blow: Blow) -> str | None:
    lag, partition = _somebody_behind(scene, 6)
    with scene.valkey() as client:
        if not (stream := _a_stream(client, partition)):
            return None
        return f"XTRIM {stream} MAXLEN 5 while the witness is {lag} events behind: {client.xtrim(stream, 5, approximate=False)} gone"


@fault()
def restart_valkey(scene: Scene, blow: Blow) -> str | None:
    valkey = scene.servers.valkey
    if not valkey.is_running():
        return None
    pid = valkey.pid
    valkey.kill9()
    scene.later(AWAY * blow.fraction, valkey.start)
    return f"kill -9 of Valkey {pid}, back and empty in {AWAY * blow.fraction:.1f} s"


@fault(2)
def terminate_backends(scene: Scene, blow: Blow) -> str | None:
    with scene.postgres() as connection:
        found = connection.execute(
            """SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
               ORDER BY xact_start NULLS LAST, pid"""
        ).fetchall()
        # The busiest first: whoever has been in a transaction for longest, then one at random.
        chosen = {int(pid) for (pid,) in found[:1]} | ({int(found[blow.pick(len(found))][0])} if found else set())
        for pid in chosen:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    return f"pg_terminate_backend of {', '.join(map(str, sorted(chosen)))}" if chosen else None


@fault()
def crash_postgres(scene: Scene, blow: Blow) -> str | None:
    postgres = scene.servers.postgres
    if not postgres.is_running():
        return None
    pid = postgres.pid
    postgres.kill9()
    scene.later(AWAY * blow.fraction, partial(start_postgres, scene))
    return f"kill -9 of PostgreSQL {pid} and its backends, back in {AWAY * blow.fraction:.1f} s"


def start_postgres(scene: Scene, tries: int = 5) -> None:
    """Start it after a crash. It refuses while a backend of its former life holds the shared memory."""
    for left in reversed(range(tries)):
        try:
            return scene.servers.postgres.start()
        except CannotRun:
            if not left:
                raise
            scene.pause(0.2)


def _kill(pid: int, what: str, kill: Callable[[], None]) -> str:
    kill()
    return f"kill -9 of {what} {pid}"


def _kill_one(children: list[int], blow: Blow, what: str) -> str | None:
    if not children:
        return None
    pid = children[blow.pick(len(children))]
    return f"kill -9 of {what} {pid}" if send(pid, signal.SIGKILL) else None


def _stop(scene: Scene, stopped: list[int], what: str) -> str:
    known = {pid: pids.command_line(pid) for pid in stopped if send(pid, signal.SIGSTOP)}

    def go_on() -> None:
        for pid, command in known.items():
            if pids.command_line(pid) == command:  # else it died meanwhile, and its number may be somebody else's
                send(pid, signal.SIGCONT)

    scene.later(STOPPED, go_on)
    return f"SIGSTOP of {what} {', '.join(map(str, known))} for {STOPPED:.0f} s"


def _somebody_behind(scene: Scene, events: int, patience: float = 1.0) -> tuple[int, int]:
    """Wait for the worst moment: the witness is so many events behind what was published. Return by how many, and where."""
    with scene.postgres() as connection:
        until = time.monotonic() + patience
        while True:
            lag, partition = connection.execute(BEHIND).fetchone() or (0, 0)
            if lag >= events or time.monotonic() > until:
                return lag, partition
            scene.pause(0.02)


def _a_stream(client: "redis.Redis", partition: int) -> str | None:
    """The stream of a partition, whatever the prefix of its name is."""
    return next((name.decode() for name in client.scan_iter(match=f"*:events:{{{partition}}}", count=1000)), None)
