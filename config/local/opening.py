"""Opening the shop: what `manage.py up` starts, in which order, and what it says when everything is there."""

import json
import os
import shlex
import sys
import time
import urllib.error
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from config.local import ports
from config.local.accounts import make_data_dir
from config.local.errors import CannotRun
from config.local.first_order import ask, curl, place_order
from config.local.locks import Lock
from config.local.places import CHECKOUT, data_dir
from config.local.servers import Servers
from config.local.supervisor import Program, Stopped, Supervisor
from eventstore.conf import conf


def open_shop(*, port: int | None, seed: bool, check: bool) -> None:
    """Start everything and keep it running until Ctrl-C; with `check`, only until one order went all the way."""
    with ExitStack() as closing:
        data = data_dir()
        make_data_dir(data)
        lock = Lock(data / "up.lock")
        closing.callback(lock.close)
        if not lock.try_to_own():
            raise CannotRun(f"Daybook is already open at {lock.read()}, with its data in {data}. A second one needs --data-dir and --port.")
        listening = closing.enter_context(ports.listen(0 if check and port is None else port or ports.USUAL))
        site = f"http://{ports.HOST}:{listening.getsockname()[1]}"
        lock.write(site)

        servers = Servers(data, postgres=not os.environ.get("DATABASE_URL"), valkey=not os.environ.get("REDIS_URL"))
        closing.callback(servers.leave)
        shop = closing.enter_context(Supervisor(CHECKOUT, {}))
        try:
            notes = open_doors(shop, servers, listening.fileno(), site, seed=seed)
            if check:
                for line in place_order(site, notes["api_key"]):
                    shop.say(line)
                shop.say("The whole way works.")
                return
            greet(shop, site, notes, data)
            shop.watch(also=lambda: revive(servers, shop))
        except Stopped:
            pass
        finally:
            if shop.programs:
                shop.say("Closing …")


def open_doors(shop: Supervisor, servers: Servers, descriptor: int, site: str, *, seed: bool) -> dict[str, str]:
    """Servers, tables, web, worker, beat; each when the one before it is ready. Returns what to tell the visitor."""
    begun = time.monotonic()
    servers.enter()
    shop.environment = environment(servers)
    for server in servers.wanted:
        shop.say(f"{server.name} answers ({time.monotonic() - begun:.1f} s).")

    # Notes belong to a database: another DATABASE_URL is another first run.
    notes = servers.data / f"demo-{sha256(shop.environment['DATABASE_URL'].encode()).hexdigest()[:10]}.json"
    shop.run(Program("database", python("config.local.first_run", str(notes), "seed" if seed else "no-seed")))
    for program in programs(descriptor, site):
        shop.start(program)
        shop.say(f"{program.name} is ready ({time.monotonic() - begun:.1f} s).")
    return dict(json.loads(notes.read_text()))


def programs(descriptor: int, site: str) -> list[Program]:
    """The processes of the shop, in the order of their start."""
    web = ["gunicorn", "config.wsgi", "--bind", f"fd://{descriptor}", "--worker-class", "gthread", "--workers", "2"]
    web += ["--threads", "4", "--graceful-timeout", "10", "--no-control-socket", "--log-level", "warning"]
    web += ["--logger-class", "config.gunicorn_logs.Lines"]
    celery = ["celery", "--quiet", "--app", "config.celery"]
    # Gossip and mingle only serve several workers, and stumble when the broker restarts.
    worker = ["worker", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    live, again = ["--concurrency", "2"], ["--queues", "runs", "--hostname", "runs@%h"]
    # Several processes share a run; one core is left to live work.
    drivers = min((os.cpu_count() or 1) - 1, conf().RUN_DRIVERS)
    again += ["--concurrency", str(drivers)] if drivers > 1 else ["--pool", "solo"]
    return [
        Program("web", python(*web), is_ready=lambda _: is_answering(site), descriptors=(descriptor,)),
        Program("worker", python(*celery, *worker, *live), is_ready=has_said("worker is ready")),
        # Replays and rebuilds step back for whoever is waiting.
        Program("runs", ["nice", "-n", "10", *python(*celery, *worker, *again)]),
        Program("beat", python(*celery, "beat", "--pidfile=", "--loglevel", "WARNING")),
    ]


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def environment(servers: Servers) -> dict[str, str]:
    """What the processes of the shop find in their environment."""
    # Celery warns root at length; on a machine that is all root, like a container, that is only noise.
    quiet = "ignore:You're running the worker with superuser privileges"
    own = {"DJANGO_SETTINGS_MODULE": "config.settings", "DAYBOOK_DEMO": "1", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": quiet}
    return {"DAYBOOK_LOG": "console", **os.environ, **own, **servers.environment()}


def is_answering(site: str) -> bool:
    """Does /readyz say that the web process can work?"""
    try:
        # Our socket accepts calls before anybody is there to answer: do not wait for long.
        return ask(f"{site}/readyz", seconds=1).status < 500
    except (OSError, urllib.error.URLError):
        return False


def has_said(word: str) -> Callable[[Program], bool]:
    """A program that is ready when it says so."""
    return lambda program: any(word in line for line in list(program.said))


def revive(servers: Servers, shop: Supervisor) -> None:
    """Servers may die too; nothing is lost: what PostgreSQL has committed is on disk, and Valkey is told again."""
    for name in servers.revive():
        shop.say(f"{name} had ended; it runs again.")


def greet(shop: Supervisor, site: str, notes: dict[str, str], data: Path) -> None:
    """Where to look, as whom, and how to place an order."""
    login = f"login admin, password {notes['password']}" if notes["password"] else "with your own login"
    lines = [
        "",
        f"  Daybook is open:    {site}/admin/  ({login})",
        f"  API documentation:  {site}/api/docs",
        f"  API key:            {notes['api_key']}",
        f"  Place an order:     {curl(site, notes['api_key'])}",
        f"  Data:               {data}",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    if os.environ.get("DAYBOOK_DATA_DIR"):
        lines.insert(-3, f"  Other commands find them with: export DAYBOOK_DATA_DIR={shlex.quote(str(data))}")
    shop.show(lines)
