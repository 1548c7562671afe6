"""A PostgreSQL of this checkout's own: made, started, stopped, and killed when somebody asks for it."""

import os
import shlex
import shutil
import signal
import time
from pathlib import Path

from config.local import pids, places, programs
from config.local.accounts import make_private, run, server_account
from config.local.errors import CannotRun, because, disk_full

SETTINGS = {
    "listen_addresses": "",  # no TCP: two checkouts never collide, and only who may enter the folder may connect
    "port": "5432",  # only names the socket
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_parallel_workers_per_gather": "0",  # containers give /dev/shm 64 MB
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
#: For servers that live as long as a test run: a crash of the machine may take them along.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}

#: No process has it, on no system.
NOBODYS_NUMBER = 2**31 - 1

#: Seconds for the backends of a killed postmaster to go away.
OLD_BACKENDS = 10.0


class Postgres:
    """One database cluster below a data directory, reached through a socket that only its owner and root can open."""

    name = "PostgreSQL"

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.durable = durable
        self.home = data / "postgres"
        self.cluster = self.home / "cluster"
        self.log = self.home / "server.log"
        # Outside the server account's own folder: root never writes where that account could plant a link.
        self.settings = data / "postgresql.conf"
        self.sockets = places.sockets_dir(data)
        self.url = places.database_url(data)
        self.account = server_account()

    def is_running(self) -> bool:
        return pids.is_ours(self.pid, self.cluster)

    @property
    def pid(self) -> int:
        """The postmaster, according to its own file."""
        return pids.read_pid(self.cluster / "postmaster.pid")

    def start(self) -> None:
        """Start it unless it runs; make it first if it was never made. Returns when it answers."""
        if self.is_running():
            return
        make_private(self.home, self.account)
        make_private(self.sockets, self.account)
        if not (self.cluster / "PG_VERSION").exists():
            self._make()
        self._check_version()
        try:
            self._configure()
            self._distrust_old_numbers()
        except OSError as error:
            raise because(error, self.cluster) from error
        options = f"-c config_file={shlex.quote(str(self.settings))}"
        until = time.monotonic() + OLD_BACKENDS
        while True:
            try:
                return self._run("pg_ctl", "start", "-D", self.cluster, "-l", self.log, "-o", options, "-w", "-t", "300")
            except CannotRun as refusal:
                # Its last postmaster was killed, and a backend has not noticed yet. Starting anyway would ruin the data.
                if "shared memory block" not in str(refusal) or time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop it if it runs: politely, then at once."""
        if not pids.end(self.pid, self.cluster, signal.SIGINT, seconds=20):
            self.kill9()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill9(self) -> None:
        """kill -9 for the postmaster and all its backends; what was committed survives."""
        postmaster = self.pid
        if pids.is_ours(postmaster, self.cluster):
            # The backends too: a new postmaster refuses while an old one holds the shared memory.
            for pid in (postmaster, *pids.children(postmaster)):
                pids.end(pid, Path("postgres"), signal.SIGKILL, seconds=5)

    def _make(self) -> None:
        """initdb beside the final place and then a rename: an interrupted first run leaves nothing half-made."""
        for rest in self.home.glob("cluster*"):
            shutil.rmtree(rest, ignore_errors=True)
        # A name of its own: an initdb whose manage.py was killed may still be writing.
        half = self.cluster.with_name(f"cluster.{os.getpid()}")
        words = ["-U", "daybook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]
        words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run("initdb", "-D", half, *words, *([] if self.durable else ["--no-sync"]))
        self._run("postgres", "--single", "-D", half, "template1", stdin="CREATE DATABASE daybook;\n")
        try:
            half.rename(self.cluster)
        except OSError as error:
            raise because(error, self.home) from error

    def _check_version(self) -> None:
        made_by, ours = (self.cluster / "PG_VERSION").read_text().strip(), str(programs.postgres_major())
        if made_by != ours:
            raise CannotRun(
                f"The data in {self.home} were made by PostgreSQL {made_by}, this is PostgreSQL {ours}, which cannot "
                f"read them: choose another place with up --data-dir, or move that folder away to begin anew."
            )

    def _distrust_old_numbers(self) -> None:
        """After a kill -9 or a reboot the process numbers in lock files may be somebody else's; PostgreSQL would refuse to start."""
        (self.sockets / f"{places.POSTGRES_SOCKET}.lock").unlink(missing_ok=True)
        old = self.cluster / "postmaster.pid"
        if old.exists():
            # Only the number: with the other lines PostgreSQL finds backends that outlived their postmaster.
            _, *rest = old.read_text().splitlines(keepends=True) or [""]
            old.write_text("".join([f"{NOBODYS_NUMBER}\n", *rest]))

    def _configure(self) -> None:
        chosen = SETTINGS | ({} if self.durable else FORGETFUL)
        chosen |= {"unix_socket_directories": str(self.sockets), "data_directory": str(self.cluster)}
        lines = (f"{name} = {quoted(value)}\n" for name, value in chosen.items())
        self.settings.write_text("# Written at every start.\n" + "".join(lines))
        self.settings.chmod(0o644)
        if self.log.exists() and self.log.stat().st_size > 10_000_000:
            self.log.unlink()

    def _run(self, program: str, *arguments: str | Path, stdin: str = "") -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        done = run(self.account, programs.postgres_programs(self.account) / program, *arguments, stdin=stdin)
        if done.returncode == 0:
            return
        said = done.stdout + (self.log.read_bytes()[before:].decode(errors="replace") if self.log.exists() else "")
        if "No space left on device" in said:
            raise disk_full(self.home)
        last = "\n".join(said.strip().splitlines()[-8:])
        raise CannotRun(f"PostgreSQL could not be started ({program} failed; its log is {self.log}):\n{last}")


def quoted(value: str) -> str:
    """A value as postgresql.conf wants it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
