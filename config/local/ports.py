"""The port of the web server: ours before anything starts, and never given away while it restarts."""

import errno
import socket

from config.local.errors import CannotRun

HOST = "127.0.0.1"
USUAL = 8000


def listen(port: int) -> socket.socket:
    """Take the port, or say who should choose another. The web workers inherit the socket.

    Because this process keeps it open, whoever calls while the web workers restart waits a moment and is answered.
    """
    try:
        return _bind(port)
    except OverflowError:
        raise CannotRun(f"{port} is not a port: choose one from 1024 to 65535, for example --port {USUAL}.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(f"Port {port} is taken by another program: choose another, for example --port {free_port(port)}.") from None
        if error.errno == errno.EACCES:
            raise CannotRun(f"Port {port} is for root only: choose one above 1023, for example --port {USUAL}.") from None
        raise


def free_port(above: int = 0) -> int:
    """The next free port above this one; any free port above 0."""
    if above == 0:
        with _bind(0) as found:
            return int(found.getsockname()[1])
    for port in range(above + 1, 65536):
        try:
            with _bind(port):
                return port
        except OSError:
            continue
    return free_port()


def _bind(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # As every web server does: the last connections of the one before us do not block the port.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening
