"""Where the data of this checkout live on this machine. Pure: nothing is made and nothing started here."""

import hashlib
import os
import pwd
from pathlib import Path
from urllib.parse import quote

CHECKOUT = Path(__file__).resolve().parents[2]

#: Bytes in the path of a Unix socket: Linux allows 107, macOS 103.
SOCKET_PATH_LIMIT = 103
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"


def data_dir() -> Path:
    """DAYBOOK_DATA_DIR, or a folder of this checkout's own below the cache: two checkouts never meet."""
    if chosen := os.environ.get("DAYBOOK_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    return cache_dir() / short_hash(CHECKOUT)


def cache_dir() -> Path:
    """Where caches go. Root's home is closed to the account that runs the servers, /var/cache is not."""
    if os.geteuid() == 0:
        return Path("/var/cache/daybook")
    chosen = Path(os.environ.get("XDG_CACHE_HOME") or "")
    if chosen.is_absolute():
        return chosen / "daybook"
    home = home_dir()
    return home / ".cache" / "daybook" if home else Path(f"/tmp/daybook-{os.geteuid()}")


def home_dir() -> Path | None:
    """HOME, or what the system knows of it, if that is a folder we may write to. Containers often say /."""
    home = os.environ.get("HOME")
    if not home:
        try:
            home = pwd.getpwuid(os.geteuid()).pw_dir
        except KeyError:  # containers run under numbers that nobody named
            return None
    return Path(home) if Path(home).is_absolute() and os.access(home, os.W_OK) else None


def sockets_dir(data: Path) -> Path:
    """The private folder of the server sockets: inside the data, or a short one when that path is too long."""
    inside = data / "run"
    if len(os.fsencode(inside / POSTGRES_SOCKET)) <= SOCKET_PATH_LIMIT:
        return inside
    # Not TMPDIR: it may differ between two terminals that should find the same server.
    return Path(f"/tmp/daybook-{os.geteuid()}-{short_hash(data)}")


def database_url(data: Path | None = None) -> str:
    """The address of this checkout's PostgreSQL, running or not."""
    # The port names the socket file; said here, a PGPORT of the shell cannot change it.
    return f"postgresql://daybook@/daybook?host={quote(str(sockets_dir(data or data_dir())), safe='')}&port=5432"


def redis_url(data: Path | None = None) -> str:
    """The address of this checkout's Valkey, running or not."""
    return f"unix://{quote(str(sockets_dir(data or data_dir()) / VALKEY_SOCKET))}?db=0"


def short_hash(path: Path) -> str:
    """Ten characters that tell two paths apart."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
