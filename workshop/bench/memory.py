"""Measure what connections cost a server in memory.

Knows: connections that ask once and stay, that read nothing, that ask a lot
at once; how many descriptors we may have.
Does not know: what a server is made of.

    python -m workshop memory               all steps
    python -m workshop memory 04 05         some steps
    python -m workshop memory --json FILE   write what was measured

What the system keeps for a socket is its own affair: memory is that of the
server's process, which is what a framework can save. Step 01 is the yardstick:
it keeps nothing but its transport.
"""

import contextlib
import json
import platform
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workshop.bench.arms import Arm
from workshop.bench.cases import Case
from workshop.bench.servers import Server
from workshop.bench.servers import server as started
from workshop.errors import ENVIRONMENT, FAIL, PASS, WorkshopError
from workshop.hashes import sources
from workshop.screen import console, say, table
from workshop.steps import Step

try:
    import resource
except ImportError:  # Windows counts no descriptors.
    resource = None  # type: ignore[assignment]

PROGRAM = Path(__file__).with_name("patient.py")
IDLE = 10_000  # connections
SPARE = 200  # descriptors that are not connections
WARM = 200  # connections before we look, so that pools are filled
PIPELINED, ROUNDS = 1000, 10
PATIENCE = 10.0  # seconds
LAST = b'{"message":"Hello last"}'


@dataclass(frozen=True)
class Memory:
    """Bytes that a step's server grows by."""

    step: str
    hash: str
    idle: float  # for each idle connection
    unread: int | None  # for one client that reads nothing of 1 GB
    pipelined: int | None  # for some rounds of many requests at once


def request(target: str) -> bytes:
    """Return the bytes that ask for a target.

    >>> request("/")
    b'GET / HTTP/1.1\\r\\nhost: pico\\r\\n\\r\\n'
    """
    return f"GET {target} HTTP/1.1\r\nhost: pico\r\n\r\n".encode()


HELLO = Case("hello", request("/hello/bench"))


def room() -> int:
    """Return how many connections we may open; ask for as many as we can."""
    if resource is None:
        return IDLE
    limit = resource.RLIMIT_NOFILE
    _, hard = resource.getrlimit(limit)
    wanted = IDLE + SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        soft, _ = resource.getrlimit(limit)
        resource.setrlimit(limit, (max(soft, wanted), hard))
    soft, _ = resource.getrlimit(limit)
    return min(IDLE, soft - SPARE)


def measure(step: Step, connections: int) -> Memory:
    """Start a step's server for each question; return what it grows by."""
    each = growth(step, warm, lambda server: idle(server, connections))
    unread = pipelined = None
    if (step.folder / "connection.py").is_file():  # It reads requests.
        unread = growth(step, warm, unread_stream)
        pipelined = growth(step, flooded, flooded)
    return Memory(
        step.name,
        sources(step.folder),
        round(each / connections, 1),
        unread,
        pipelined,
    )


Clients = Callable[[Server], contextlib.AbstractContextManager[None]]


def growth(step: Step, before: Clients, clients: Clients) -> int:
    """Return the bytes that a fresh, warm server grows by for clients."""
    with started(Arm(step.name, step.folder, HELLO, PROGRAM)) as server:
        with before(server):
            pass
        memory = server.usage().memory
        with clients(server):
            return server.usage().memory - memory


def warm(server: Server) -> contextlib.AbstractContextManager[None]:
    """Let its pools be filled by a few connections."""
    return idle(server, WARM)


@contextlib.contextmanager
def idle(server: Server, number: int) -> Iterator[None]:
    """Keep connections, each of which has made one request."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(ask(server))
        yield


@contextlib.contextmanager
def unread_stream(server: Server) -> Iterator[None]:
    """Ask for a gigabyte, and read nothing of it."""
    with connected(server) as client:
        client.sendall(request("/flood/memory"))
        with ask(server, "/flooded/memory", b"waits"):
            yield


@contextlib.contextmanager
def flooded(server: Server) -> Iterator[None]:
    """Ask for a lot in one segment, some times; read all answers."""
    many = request("/hello/bench") * (PIPELINED - 1) + request("/hello/last")
    for _ in range(ROUNDS):
        with connected(server) as client:
            client.sendall(many)
            read(client, LAST)
    yield


def ask(
    server: Server, target: str = "/hello/bench", answer: bytes = b"200 OK"
) -> socket.socket:
    """Return a connection that has had the answer to one request."""
    client = connected(server)
    client.sendall(request(target))
    read(client, answer)
    return client


def connected(server: Server) -> socket.socket:
    """Return a connection."""
    return socket.create_connection((server.host, server.port), PATIENCE)


def read(client: socket.socket, answer: bytes) -> None:
    """Read until an answer has come."""
    said = b""
    while answer not in said:
        data = client.recv(65536)
        if not data:
            raise WorkshopError(f"Instead of {answer!r} came {said!r}.", FAIL)
        said = said[-len(answer) :] + data


# On the screen, and in a file


def run(steps: Sequence[Step], path: Path | None) -> int:
    """Measure steps, show and keep what was measured."""
    connections = room()
    if connections < 1:
        raise WorkshopError(
            "This process may have too few descriptors: raise the limit"
            " (`ulimit -n 11000`).",
            ENVIRONMENT,
        )
    shown = table("step", ">idle", ">1 GB unread", ">pipelined")
    known = []
    for step in steps:
        found = measure(step, connections)
        known.append(asdict(found))
        shown.add_row(
            found.step,
            f"{found.idle:,.0f}",
            *(
                "-" if size is None else f"{size:,}"
                for size in (found.unread, found.pipelined)
            ),
        )
    console().print(shown)
    say(
        f"Bytes that the server grows by: for each of {connections:,} idle"
        " connections; for one client that reads nothing of 1 GB; for"
        f" {ROUNDS} times {PIPELINED:,} requests at once."
    )
    if path:
        keep(path, connections, known)
    return PASS


def keep(path: Path, connections: int, known: list[dict[str, Any]]) -> None:
    """Write what was measured."""
    data = {
        "what": "Bytes that a server's process grows by, resident.",
        "command": "python -m workshop memory --json FILE",
        "python": platform.python_version(),
        "system": platform.system(),
        "connections": connections,
        "rounds": ROUNDS,
        "requests": PIPELINED,
        "steps": known,
    }
    text = json.dumps(data, indent=1, ensure_ascii=True)
    path.write_text(text + "\n", "utf-8", newline="\n")
