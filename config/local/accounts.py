"""Who the servers run as: we ourselves, or, as root, an account with no rights (PostgreSQL refuses root)."""

import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import NamedTuple

from config.local.errors import CannotRun, because

#: Accounts that every Unix has for exactly this.
HARMLESS = ("nobody", "daemon")


class Account(NamedTuple):
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def server_account() -> Account:
    """We ourselves, unless we are root."""
    uid = os.geteuid()
    if uid != 0:
        return Account("", uid, os.getegid())
    for name in HARMLESS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    raise CannotRun(
        "PostgreSQL does not run as root, and this machine has no account named nobody or daemon: "
        "run manage.py as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def make_private(folder: Path, account: Account) -> Path:
    """A folder that this account owns and nobody else enters."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        # A short socket folder has a guessable name in /tmp: somebody else's folder or link is not ours to use.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), account.uid):
            raise CannotRun(f"{folder} belongs to somebody else: remove it, or choose another DAYBOOK_DATA_DIR.")
        if found.st_uid != account.uid:
            os.chown(folder, account.uid, account.gid)
        folder.chmod(0o700)
    except OSError as error:
        raise because(error, folder) from error
    return folder


def make_data_dir(data: Path) -> None:
    """The folder that holds everything: closed to others, or, as root, open for walking through only."""
    try:
        for folder in (*reversed(data.parents), data):
            if not folder.exists():
                folder.mkdir(exist_ok=True)
                # Said in full: the umask of root may be 077.
                folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
            # Anybody may make a folder in /tmp, also one with the name that we are going to use.
            if folder.parent.stat().st_mode & stat.S_ISVTX and folder.lstat().st_uid not in (os.geteuid(), 0):
                raise CannotRun(f"{folder} belongs to somebody else: remove it, or choose another place with DAYBOOK_DATA_DIR.")
    except OSError as error:
        raise because(error, data) from error


def check_reach(data: Path, account: Account) -> None:
    """Can the account of the servers come to this place at all? Asked before anything is made there."""
    standing = next(folder for folder in (data, *data.parents) if folder.exists())
    if not can_reach(standing, account):
        raise CannotRun(
            f"PostgreSQL does not run as root, and the account {account.name} that runs it instead cannot enter {standing}: "
            "choose a place outside private folders with DAYBOOK_DATA_DIR (or up --data-dir)."
        )


def can_reach(path: Path, account: Account) -> bool:
    """May this account walk down to the path and into it? As ourselves always; else every step must be open to all."""
    if account.uid == os.geteuid():
        return True
    steps = [path.resolve(), *path.resolve().parents]
    return all(step.stat().st_mode & stat.S_IXOTH or step.stat().st_uid == account.uid for step in steps)


def run(account: Account, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end as this account, with a clean environment: no PGDATA of a shell leaks in."""
    us = account.uid == os.geteuid()
    return subprocess.run(
        [str(argument) for argument in arguments],
        user=None if us else account.uid,
        group=None if us else account.gid,
        extra_groups=None if us else [],
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        cwd="/",
        umask=0o077,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
