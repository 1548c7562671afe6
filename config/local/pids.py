"""Processes by number: is it still the one we mean, who are its children, is it gone?"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def command_line(pid: int) -> str:
    """What the process was started with; empty when there is none, or only a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return _ps("-o", "command=", "-p", str(pid)).strip()


def is_ours(pid: int, mark: Path) -> bool:
    """Does this number still belong to a process with this path in its command line?

    After a crash or a reboot the number in a pid file may be somebody else's.
    """
    return pid > 0 and str(mark) in command_line(pid)


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    if Path("/proc/self/stat").exists():
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            # pid (name) state parent …; the name may hold spaces and brackets.
            with suppress(OSError):
                if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(stat.parent.name))
        return found
    pairs = (line.split() for line in _ps("-A", "-o", "pid=,ppid=").splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def read_pid(path: Path) -> int:
    """The first line of a pid file; 0 when there is none."""
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def end(pid: int, mark: Path, how: signal.Signals, seconds: float) -> bool:
    """Send a signal to the process with this mark; is it gone within these seconds?"""
    if not is_ours(pid, mark):
        return True
    with suppress(ProcessLookupError):
        os.kill(pid, how)
    until = time.monotonic() + seconds
    while is_ours(pid, mark):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return True


def adopt_orphans() -> None:
    """Become the parent of servers that detach themselves, so that nobody else has to bury them.

    In a container the first process is often one that never does: its process table fills with zombies. Linux only.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
