"""The servers of a data directory, for as long as somebody uses them.

Three locks: `starting.lock` lets one process at a time start things, `users.lock` is shared by all who use them,
and who gets it alone may stop them (the last one to leave, or the keeper when that one was killed).
"""

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.local import keeper, pids, places
from config.local.accounts import check_reach, make_data_dir, server_account
from config.local.errors import because
from config.local.locks import Lock, alone
from config.local.postgres import Postgres
from config.local.valkey import Valkey


class Servers:
    """PostgreSQL and Valkey below one data directory; one or both."""

    def __init__(self, data: Path, *, durable: bool = True, postgres: bool = True, valkey: bool = True) -> None:
        self.data = data
        self.postgres = Postgres(data, durable=durable)
        self.valkey = Valkey(data)
        self.wanted = [server for server, is_wanted in ((self.postgres, postgres), (self.valkey, valkey)) if is_wanted]
        self._use: Lock | None = None

    def enter(self) -> None:
        """Use them from now on; start what does not run. Returns when they answer."""
        if not self.wanted:
            return
        check_reach(self.data, server_account())
        make_data_dir(self.data)
        pids.adopt_orphans()
        try:
            with alone(self.data / keeper.STARTING):
                # Waits for a last user or a keeper who is just turning them off.
                self._use = Lock(self.data / keeper.USERS).share()
                keeper.ensure_kept(self.data)
                for server in self.wanted:
                    server.start()
        except OSError as error:
            raise because(error, self.data) from error

    def revive(self) -> list[str]:
        """Start those that have died; return their names. Only between enter and leave."""
        if all(server.is_running() for server in self.wanted):
            return []
        with alone(self.data / keeper.STARTING):
            dead = [server for server in self.wanted if not server.is_running()]
            for server in dead:
                server.start()
        return [server.name for server in dead]

    def leave(self) -> None:
        """Use them no more; the last one out stops them."""
        if self._use is None:
            return
        if self._use.try_to_own():
            keeper.dismiss(self.data)
            keeper.turn_off(self.data)
        self._use.close()
        self._use = None

    def environment(self) -> dict[str, str]:
        """What a process needs to know to use them."""
        return {
            "DAYBOOK_DATA_DIR": str(self.data),
            "DJANGO_SECRET_KEY": os.environ.get("DJANGO_SECRET_KEY") or secret_key(self.data),
            **({"DATABASE_URL": self.postgres.url} if self.postgres in self.wanted else {}),
            **({"REDIS_URL": self.valkey.url} if self.valkey in self.wanted else {}),
        }


def ensure_running() -> Servers | None:
    """Servers for this process until it ends, if DATABASE_URL or REDIS_URL do not name others."""
    postgres, valkey = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
    if not postgres and not valkey:
        return None
    servers = Servers(places.data_dir(), postgres=postgres, valkey=valkey)
    servers.enter()
    atexit.register(servers.leave)
    os.environ.update(servers.environment())
    return servers


@contextmanager
def temporary(*, durable: bool = False, postgres: bool = True, valkey: bool = True) -> Iterator[Servers]:
    """Fresh servers that are gone afterwards, with all their data: for tests, benchmarks and chaos."""
    data = Path(tempfile.mkdtemp(prefix="daybook-"))
    data.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (data / keeper.TEMPORARY).touch()
    servers = Servers(data, durable=durable, postgres=postgres, valkey=valkey)
    try:
        servers.enter()
        yield servers
    finally:
        servers.leave()
        shutil.rmtree(data, ignore_errors=True)


def secret_key(data: Path) -> str:
    """Made once for a data directory and kept in it, readable by its owner only."""
    kept, new = data / "secret_key", data / f"secret_key.{os.getpid()}"
    if not kept.exists():
        make_data_dir(data)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(50))
            with suppress(FileExistsError):  # another process was faster: its key counts
                os.link(new, kept)
            new.unlink()
        except OSError as error:
            raise because(error, data) from error
    return kept.read_text()
