"""See whether a port can be listened at, and who is there if not.

Knows: sockets, which process holds which port, where the system tells.
Does not know: what will listen.
"""

import contextlib
import errno
import random
import socket
import sys

import psutil

from workshop.errors import ENVIRONMENT, USAGE, WorkshopError


def check(host: str, port: int) -> int:
    """Return the port, or a free one for 0; raise a sentence if taken."""
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            if sys.platform != "win32":  # There it would share the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise explained(error, host, port) from None


def spare(host: str) -> int:
    """Return a free port for a program that cannot choose one by itself.

    Until it listens there, nobody else who asks for any port may be given
    that one: systems give away those from 32,768 up (Linux; others from
    49,152, RFC 6335, 6).
    """
    for port in random.sample(range(20_000, 32_000), 20):
        with contextlib.suppress(WorkshopError):
            return check(host, port)
    return check(host, 0)


def reachable(url: str) -> str:
    """Return a URL that this machine can ask, of one for all addresses.

    >>> reachable("http://0.0.0.0:8000"), reachable("http://[::]:8000")
    ('http://127.0.0.1:8000', 'http://[::1]:8000')
    """
    url = url.replace("//0.0.0.0:", "//127.0.0.1:")
    return url.replace("//[::]:", "//[::1]:")


def explained(error: OSError, host: str, port: int) -> WorkshopError:
    """Return a sentence for a port or a host that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return WorkshopError(
            f"Port {port} is taken by {holder(port)}: end that, or choose"
            " another with --port, for example --port 0 for any free one.",
            ENVIRONMENT,
        )
    if isinstance(error, socket.gaierror) or (
        error.errno == errno.EADDRNOTAVAIL
    ):
        return WorkshopError(
            f"{host!r} is no address of this machine: --host 127.0.0.1 is"
            " for this machine alone, --host 0.0.0.0 for all.",
            USAGE,
        )
    return WorkshopError(
        f"Port {port} cannot be had ({error.strerror}): choose one above"
        " 1023 with --port, or --port 0 for any free one.",
        ENVIRONMENT,
    )


def holder(port: int) -> str:
    """Say which process listens there, as far as the system tells."""
    try:
        for found in psutil.net_connections("tcp"):
            there = found.laddr and found.laddr.port == port
            if there and found.status == psutil.CONN_LISTEN and found.pid:
                words = psutil.Process(found.pid).cmdline()
                name = " ".join(words)[:60] or "a process without a name"
                return f"process {found.pid} ({name})"
    except psutil.Error:
        pass  # macOS tells it to the administrator alone.
    return "another process (perhaps a step you left running)"
