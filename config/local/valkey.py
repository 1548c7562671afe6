"""A Valkey of this checkout's own. It keeps nothing on disk: Redis may be emptied at any moment."""

import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from config.local import pids, places, programs
from config.local.accounts import make_private, run, server_account
from config.local.errors import CannotRun, because, disk_full

#: Full memory must be an error that the relay sees, never a stream that quietly lost its tail.
SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "protected-mode": "yes",
    "daemonize": "yes",
    "save": '""',
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "proc-title-template": '"{title} {config-file}"',
}


class Valkey:
    """One server below a data directory, reached through a socket that only its owner and root can open."""

    name = "Valkey"

    def __init__(self, data: Path) -> None:
        self.home = data / "valkey"
        self.settings = data / "valkey.conf"
        self.log = self.home / "server.log"
        self.sockets = places.sockets_dir(data)
        self.socket = self.sockets / places.VALKEY_SOCKET
        self.url = places.redis_url(data)
        self.account = server_account()

    def is_running(self) -> bool:
        return pids.is_ours(self.pid, self.settings)

    @property
    def pid(self) -> int:
        """The server, according to its own file."""
        return pids.read_pid(self.home / "server.pid")

    def start(self) -> None:
        """Start it unless it runs. Returns when it answers."""
        if self.is_running():
            return
        make_private(self.home, self.account)
        make_private(self.sockets, self.account)
        places_of = {"dir": self.home, "pidfile": self.home / "server.pid", "logfile": self.log}
        chosen = SETTINGS | {name: quoted(str(path)) for name, path in (places_of | {"unixsocket": self.socket}).items()}
        try:
            self.log.unlink(missing_ok=True)
            self.settings.write_text("".join(f"{name} {value}\n" for name, value in chosen.items()))
            self.settings.chmod(0o644)
        except OSError as error:
            raise because(error, self.home) from error
        done = run(self.account, programs.valkey_program(self.account), self.settings)
        if done.returncode != 0 or not self._answers(seconds=10):
            said = done.stdout + (self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "")
            if "No space left on device" in said:
                raise disk_full(self.home)
            last = "\n".join(said.strip().splitlines()[-5:])
            raise CannotRun(f"Valkey could not be started (its log is {self.log}):\n{last}")

    def stop(self) -> None:
        """Stop it if it runs: politely, then at once."""
        if not pids.end(self.pid, self.settings, signal.SIGTERM, seconds=10):
            self.kill9()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill9(self) -> None:
        """kill -9; everything in it is gone."""
        pids.end(self.pid, self.settings, signal.SIGKILL, seconds=5)

    def _answers(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
                line.settimeout(1)
                line.connect(str(self.socket))
                line.sendall(b"PING\r\n")
                if line.recv(7).startswith(b"+PONG"):
                    return True
            time.sleep(0.01)
        return False


def quoted(value: str) -> str:
    """A value as valkey.conf wants it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
