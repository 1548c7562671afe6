"""The first run on a fresh machine: make .venv from requirements.lock and go on in there. Standard library only.

An environment that has Daybook's packages is used as it is. `.venv/made-from` holds the lock that .venv was made from
and is empty meanwhile: a run that was interrupted is seen and begun anew, a lock that changed is installed again.
"""

import errno
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = CHECKOUT / "requirements.lock"
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
MADE_FROM = VENV / "made-from"

#: Found together they tell an environment for Daybook from a system Python with a Django of its own.
NEEDED = ("django", "celery", "psycopg", "msgspec", "rest_framework")

DISK_FULL = f"The disk that holds {CHECKOUT} is full: free about 700 MB there and run this again."
NO_NETWORK = (
    "The packages of requirements.lock could not be fetched. The first run needs a network (or a pip that is configured "
    "for a mirror): connect this machine and run this again."
)
NO_PIP = (
    "This Python has neither ensurepip nor pip, so .venv cannot be made: install them "
    "(on Debian and Ubuntu: apt-get install python3-venv) and run this again."
)
#: What pip says, and what it means to a person.
MEANINGS = {
    "No space left on device": DISK_FULL,
    "Failed to establish a new connection": NO_NETWORK,
    "NameResolutionError": NO_NETWORK,
    "ProxyError": NO_NETWORK,
    "ConnectTimeoutError": NO_NETWORK,
    "from versions: none": NO_NETWORK,
}


def enter_environment() -> None:
    """Return where Daybook's packages can be imported; else make that place and start over in there."""
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing and not (inside and made_from() not in (None, LOCK.read_text())):
        return
    if sys.prefix != sys.base_prefix and not inside and "django" not in missing:
        sys.exit(
            f"The active environment {sys.prefix} has Django, but not {', '.join(missing)}: run "
            "pip install -r requirements.lock in it, or deactivate it, and manage.py makes .venv."
        )
    try:
        make_environment(distrusted=inside and bool(missing))
    except KeyboardInterrupt:
        sys.exit("Interrupted; run this again and .venv will be made from the beginning.")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(DISK_FULL)
        sys.exit(f"{VENV} cannot be made ({error}): make the folder writable, or activate an environment of your own.")
    os.execv(PYTHON, [str(PYTHON), *sys.orig_argv[1:]])


def make_environment(distrusted: bool = False) -> None:
    """Make .venv, or finish it, or bring it up to date with the lock. One process at a time."""
    with LOCK.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run is making .venv; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        made, wanted = made_from(), LOCK.read_text()
        # None: somebody made this .venv by hand. If it works, it is theirs to keep up to date.
        if made in (None, wanted) and not distrusted and (made or works()):
            return
        if distrusted and made == wanted and works():
            return  # whoever we waited for has repaired it
        renew = not made or made == wanted
        work = "Making .venv from" if renew else "The lock has changed: bringing .venv up to date with"
        say(f"{work} requirements.lock (Python {sys.version.split()[0]}); this takes about a minute …")
        if renew:
            clear()
            VENV.mkdir()
        MADE_FROM.write_text("")
        if renew:
            create(lock.fileno())
        install(lock.fileno(), restore=made or "")
        MADE_FROM.write_text(wanted)


def made_from() -> str | None:
    """The lock that .venv was made from, "" for one that is unfinished, None for none or one that is not ours."""
    try:
        return MADE_FROM.read_text()
    except FileNotFoundError:
        return None


def works() -> bool:
    """Can .venv import what Daybook needs?"""
    return PYTHON.exists() and run(PYTHON, "-c", f"import {', '.join(NEEDED)}")[0] == 0


def clear() -> None:
    """Remove .venv. Renamed first: half a removal must not look like somebody's own .venv."""
    old = VENV.with_name(".venv.old")
    shutil.rmtree(old, ignore_errors=True)
    if VENV.exists() or VENV.is_symlink():
        VENV.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def create(lock: int) -> None:
    """An empty environment, with a pip of its own where this Python can give it one (Debian's cannot)."""
    code, said = run(sys.executable, "-m", "venv", VENV, lock=lock)
    if code != 0 and "No space left on device" in said:
        sys.exit(DISK_FULL)
    if code != 0:
        code, said = run(sys.executable, "-m", "venv", "--without-pip", "--clear", VENV, lock=lock)
        MADE_FROM.write_text("")
    if code != 0:
        sys.exit(f"python -m venv failed; its last words:\n{last_lines(said)}")


def install(lock: int, restore: str) -> None:
    """Everything in the lock and nothing else, by the pip in .venv or by the one of this Python."""
    pip: list[str | Path] = [PYTHON, "-m", "pip"]
    if run(*pip, "--version")[0] != 0:
        pip = [sys.executable, "-m", "pip", "--python", PYTHON]
        if run(sys.executable, "-m", "pip", "--version")[0] != 0:
            sys.exit(NO_PIP)
    options = ["--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    code, said = run(*pip, "install", *options, "-r", LOCK, lock=lock)
    if code == 0:
        return
    why = next((meaning for words, meaning in MEANINGS.items() if words in said), None)
    if why == NO_NETWORK and restore:
        MADE_FROM.write_text(restore)  # nothing was changed: the old .venv is as good as before
    sys.exit(why or f"pip could not install requirements.lock (exit code {code}). Run this again; it said last:\n{last_lines(said)}")


def run(*command: str | Path, lock: int | None = None) -> tuple[int, str]:
    """Run to the end; return the exit code and what was said.

    The child holds the lock as well: if we are killed, the next run waits for a pip that still writes into .venv.
    """
    # A pip.conf that says user=true would install outside of .venv.
    settings = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    done = subprocess.run(
        [str(word) for word in command],
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[] if lock is None else [lock],
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


def last_lines(said: str) -> str:
    """The errors in what was said, or else its end."""
    lines = said.strip().splitlines()
    return "\n".join(line[:300] for line in [line for line in lines if "ERROR" in line] or lines[-5:])


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
