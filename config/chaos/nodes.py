"""The processes of the shop, as chaos sees them: started, killed by pid, started again; none outlives the run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from config.local import pids
from config.local.places import CHECKOUT
from config.local.supervisor import LEASH

#: Seconds before something that died is started again, as a supervisor would.
PAUSE = 0.3


class Node:
    """One program in a group of its own."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], folder: Path, descriptors: tuple[int, ...] = ()
    ) -> None:
        self.name = name
        self.said = folder / f"{name}.log"
        self.crashes = 0  #: ends that nobody wished for
        self.groups: set[int] = set()
        self.command = list(command)
        self._environment, self._descriptors = dict(environment), descriptors
        self._process: subprocess.Popen[bytes] | None = None
        self._due = 0.0
        self._killed = False

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self.code is None

    @property
    def children(self) -> list[int]:
        """The pids of its pool or its workers."""
        return sorted(pids.children(self.pid)) if self.is_running else []

    def start(self) -> None:
        """Start it; returns at once. From the main thread only: the leash is tied to the thread that made the child."""
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *self.command],
                cwd=CHECKOUT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                pass_fds=self._descriptors,
                start_new_session=True,
            )
        self.groups.add(self._process.pid)
        self._due, self._killed = 0.0, False

    def revive(self) -> None:
        """Start it again if it died, a moment after that was seen."""
        if self._process is None or self.code is None:
            return
        if not self._due:
            self.crashes += not self._killed
            self._due = time.monotonic() + PAUSE
        elif time.monotonic() >= self._due:
            self.start()

    def kill(self) -> None:
        """kill -9 of the program alone; what it started lives on for a while."""
        self._killed = True
        send(self.pid, signal.SIGKILL)

    def kill_whole(self) -> None:
        """kill -9 of the program and everything it started."""
        self._killed = True
        for pid in (self.pid, *self.children):
            send(pid, signal.SIGKILL)

    def end(self, seconds: float) -> None:
        """Ask it to stop; kill -9 when it does not."""
        if self.is_running and self._process:
            send(self.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill_whole()
        if self._process:
            self._process.wait()
        self._process = None  # for good: nobody revives it


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; was there anybody?"""
    if pid <= 0:  # to kill(2) that is a whole group, our own first of all
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def bury(nodes: Iterable[Node]) -> None:
    """Wait for orphans that became ours; leave our own children to their Popen."""
    own = {node.pid for node in nodes if node.code is None}
    with suppress(ChildProcessError, AttributeError):  # no children; no waitid (macOS)
        while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and dead.si_pid not in own:
            os.waitpid(dead.si_pid, 0)


def end_all(nodes: Iterable[Node], seconds: float = 0.0) -> None:
    """End every process of these nodes, orphans of earlier lives included."""
    every = list(nodes)
    for node in every:
        node.end(seconds)
    groups = set().union(*(node.groups for node in every))
    # Orphans are ours by adoption, so a number that was given away meanwhile is not among them.
    for pid in pids.children(os.getpid()):
        with suppress(ProcessLookupError):
            if os.getpgid(pid) in groups:
                os.kill(pid, signal.SIGKILL)
    bury(every)
