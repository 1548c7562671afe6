"""Shops that answer over HTTP: ours as `manage.py up` starts it, and the plain one beside it under the same flags."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import StringIO

import msgspec
import psycopg
from django.conf import settings
from django.core.management import call_command

from config.local import opening, ports
from config.local.errors import CannotRun
from config.local.places import CHECKOUT
from config.local.supervisor import Program, Supervisor

PLAIN = "config.benchmark.floors.plain_shop"

#: A login and its token, as somebody would make them in the shell of the plain project.
MAKE_TOKEN = """
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
print(Token.objects.create(user=User.objects.create_user("shop")).key)
"""


class Shop(msgspec.Struct, frozen=True):
    """Where to send an order, and what to say at the door."""

    port: int
    path: str
    authorization: str


Start = Callable[..., None]  #: starts more programs of a shop, by name


@contextmanager
def ours(*names: str, options: Sequence[str] = ()) -> Iterator[tuple[Shop, Start]]:
    """Our shop with these of its programs (web, worker, beat …); `options` go to the worker."""
    said = StringIO()
    call_command("create_api_key", name="benchmark", scopes="*", json=True, stdout=said)
    key = msgspec.json.decode(said.getvalue())["key"]
    with ports.listen(0) as listening, Supervisor(CHECKOUT, os.environ) as supervisor:
        port = listening.getsockname()[1]
        programs = {program.name: program for program in opening.programs(listening.fileno(), f"http://{ports.HOST}:{port}")}
        programs["worker"].command += options

        def start(*names: str) -> None:
            for name in names:
                supervisor.start(programs[name])

        start(*names)
        yield Shop(port, "/api/v1/orders", f"Bearer {key}"), start


@contextmanager
def plain() -> Iterator[Shop]:
    """The plain shop, in a database of its own on the same server."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        name = f"{connection.info.dbname}_plain"
        connection.execute(f"CREATE DATABASE {name}")
        url = settings.DATABASE_URL.replace(f"/{connection.info.dbname}?", f"/{name}?")
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": f"{PLAIN}.settings"}
    run(environment, "migrate", "--run-syncdb", "--verbosity", "0")
    token = run(environment, "shell", "--verbosity", "0", "--command", MAKE_TOKEN).split()[-1]
    with ports.listen(0) as listening, Supervisor(CHECKOUT, environment) as supervisor:
        port = listening.getsockname()[1]
        (web,) = (program for program in opening.programs(listening.fileno(), "") if program.name == "web")
        command = [f"{PLAIN}.wsgi" if word == "config.wsgi" else word for word in web.command]
        # Its lines are gunicorn's own; otherwise the flags are the same.
        command += ["--logger-class", "gunicorn.glogging.Logger"]
        is_ready = partial(opening.is_answering, f"http://{ports.HOST}:{port}")
        supervisor.start(Program("plain", command, is_ready=lambda _: is_ready(), descriptors=web.descriptors))
        yield Shop(port, "/orders", f"Token {token}")


def run(environment: dict[str, str], *command: str) -> str:
    """A command of the plain project; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *command], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CannotRun(f"{command[0]} failed in the plain shop:\n{done.stderr[-2000:]}")
    return done.stdout
