"""The last one out turns off the lights: a small process that stops the servers when nobody uses them any more.

Whoever uses the servers of a data directory holds `users.lock` together with the others. This process waits to
hold it alone. That moment comes when the last user is gone, were it by kill -9, and on every Unix.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from config.local import pids
from config.local.locks import Lock
from config.local.places import CHECKOUT
from config.local.postgres import Postgres
from config.local.valkey import Valkey

USERS, KEEPER, STARTING = "users.lock", "keeper.lock", "starting.lock"

#: In a data directory that goes away together with its servers.
TEMPORARY = "temporary"


def ensure_kept(data: Path) -> None:
    """Start the keeper of this data directory unless there is one."""
    lock = Lock(data / KEEPER)
    if lock.try_to_own():
        # The child inherits the lock: it is held from this moment until the keeper ends.
        with (data / "keeper.log").open("w") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "config.local.keeper", str(data)],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.descriptor],
                start_new_session=True,
            )
        lock.write(str(keeper.pid))
        keeper.returncode = 0  # not ours to wait for: it outlives us
    lock.close()


def turn_off(data: Path) -> None:
    """Stop the servers; only who holds `users.lock` alone may."""
    Valkey(data).stop()
    postgres = Postgres(data)
    postgres.stop()
    if postgres.sockets.parent != data:
        shutil.rmtree(postgres.sockets, ignore_errors=True)
    if (data / TEMPORARY).exists():
        shutil.rmtree(data, ignore_errors=True)


def dismiss(data: Path) -> None:
    """Send the keeper home; only who holds `users.lock` alone may."""
    pid = pids.read_pid(data / KEEPER)
    pids.end(pid, data, signal.SIGKILL, seconds=5)


def main(data: Path) -> None:
    # Ctrl-C and a closed terminal are for those who use the servers.
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    os.chdir("/")
    users = Lock(data / USERS).own()
    turn_off(data)
    users.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
