"""File locks. The kernel lets go of them when a process ends, however it ends: nothing stale is left behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class Lock:
    """A lock file, held shared, alone, or not at all."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> Self:
        """Hold it together with others; waits for one who holds it alone."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)
        return self

    def own(self) -> Self:
        """Hold it alone; waits until nobody else holds it."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        return self

    def try_to_own(self) -> bool:
        """Hold it alone, if that is possible now."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self.descriptor)

    def write(self, text: str) -> None:
        """Leave a word for who meets the lock."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)

    def read(self) -> str:
        return os.pread(self.descriptor, 1000, 0).decode()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time."""
    lock = Lock(path).own()
    try:
        yield
    finally:
        lock.close()
