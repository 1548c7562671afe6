"""Become another program that ends when its parent does, were the parent ended by kill -9. Linux only; elsewhere just become it.

A small program in between and not a preexec_fn: that would run Python between fork and exec, in a process whose other
threads may have held locks at that moment. The kernel keeps the leash across exec.

    python leash.py PARENT_PID PROGRAM ARGUMENT…
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        # SIGTERM, so that a web worker finishes its request and Celery its task.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)  # it ended before the leash was on
    os.execvp(command[0], command)
