"""The one thing that goes wrong here: this machine cannot do it, and a person can change that."""

import errno
import shutil
import tempfile
from pathlib import Path


class CannotRun(Exception):
    """A sentence for the person at the keyboard: what is so, and what to do about it."""


def because(error: OSError, folder: Path) -> CannotRun:
    """Why a file operation below this folder failed, as a sentence with the fix."""
    elsewhere = "choose another place with DAYBOOK_DATA_DIR (or up --data-dir)"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CannotRun(f"{error.filename or folder} cannot be written ({error.strerror}): {elsewhere}.")
    return CannotRun(f"{folder} cannot be used ({error}): {elsewhere}.")


def disk_full(folder: Path) -> CannotRun:
    """The disk below this folder has not enough room."""
    standing = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    free = shutil.disk_usage(standing).free // 2**20
    variable = "TMPDIR" if folder.is_relative_to(tempfile.gettempdir()) else "DAYBOOK_DATA_DIR (or up --data-dir)"
    return CannotRun(
        f"The disk has no room for {folder} ({free} MB left, 100 MB are a good start): free some, "
        f"or choose a place on another disk with {variable}."
    )
