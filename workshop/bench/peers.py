"""Know the peers: how each is started, and what it must answer.

Knows: other frameworks, their servers and settings, what differs legitimately.
Does not know: how they are measured.

Each has the server and the settings that its own documentation recommends,
one worker, and no log of requests. Their programs are in `programs/peers`.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workshop.bench.cases import DATE, Case, WrongAnswer
from workshop.bench.commands import PORT, Command, Family, started
from workshop.bench.environments import Environment
from workshop.bench.servers import Server
from workshop.bench.shapes import HEAD, HELLO, PAGE, POSITION, POST
from workshop.errors import WorkshopError
from workshop.exchange import Answer, Wire
from workshop.steps import ROOT, find

PROGRAMS = Path(__file__).parent / "programs" / "peers"
INSTALL = "python3 start.py bench peers --install"
JSON = "application/json"
ENVIRONMENT = Environment(ROOT / ".peers", "peers", INSTALL)
WORKS = ("hello", "browser", "position")
REFUSED = (400, 422)  # what may be said of a position that is none
NO_POSITIONS = (
    b'{"latitude":91,"longitude":2.5,"altitude":3}',
    b'{"latitude":true,"longitude":2.5,"altitude":3}',
    b'{"latitude":1.5,"longitude":2.5}',
    b'{"latitude":1.5,"longitude":2.5,"altitude":3,"speed":4}',
    b"[1.5,2.5,3]",
    b'{"latitude":',
)


@dataclass(frozen=True)
class Peer:
    """One framework on one server."""

    name: str
    server: str  # as the table calls it
    module: str  # its program, without .py
    words: Sequence[str]  # after `python`
    content_type: str = JSON  # of JSON: some add a charset
    exact: bool = False  # byte by byte; else JSON of the same value
    step: str | None = None  # pico: on the rooms of this step
    posix: bool = False  # Its server needs fork.

    @property
    def python(self) -> str:
        """Return the Python that has what it needs."""
        return sys.executable if self.step else str(ENVIRONMENT.python)

    def command(self) -> Command:
        """Return how it is started."""
        env = {}
        if self.step:
            env = {"PYTHONPATH": str(find(self.step).folder)}
        return Command([self.python, *self.words], PROGRAMS, env)

    def reproduced(self) -> str:
        """Return what a person types in the root of the clone."""
        here = os.path.relpath(PROGRAMS, ROOT)
        python = "python" if self.step else shorter(ENVIRONMENT.python)
        words = " ".join([python, *self.words]).replace(PORT, "8000")
        rooms = here
        if self.step:
            rooms = os.path.relpath(find(self.step).folder, ROOT)
        words = words.replace(f"{self.module}.py", f"{here}/{self.module}.py")
        return f"PORT=8000 PYTHONPATH={rooms} {words}"

    def launch(self, core: int | None) -> AbstractContextManager[Family]:
        """Start it, to the end of the block."""
        return started(self.command(), core)

    def check(self, server: Server) -> list[Case]:
        """Return its cases, once its answers are the declared ones."""
        return checked(self, Wire(f"http://{server.host}:{server.port}"))

    def there(self) -> bool:
        """Return whether it can run on this system and this Python."""
        if self.posix and os.name == "nt":
            return False
        if self.step or not ENVIRONMENT.failed():
            return True
        done = subprocess.run(
            [self.python, "-c", f"import {self.module}"],
            cwd=PROGRAMS,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


def shorter(path: Path) -> str:
    """Return a path as it is typed in the root of the clone."""
    return os.path.relpath(path, ROOT)


def uvicorn(module: str) -> list[str]:
    """Return how uvicorn serves a module's app."""
    words = ["-m", "uvicorn", f"{module}:app", "--no-access-log"]
    return [*words, "--log-level=warning", f"--port={PORT}"]


def gunicorn(module: str) -> list[str]:
    """Return how gunicorn serves a module's app with threads.

    Its default, a process without threads, keeps no connection open; with
    threads it keeps one for 2 s, and others have 5: all take turns.
    """
    words = ["-m", "gunicorn", "--workers=1", "--threads=4", "--keep-alive=5"]
    return [*words, f"--bind=127.0.0.1:{PORT}", f"{module}:app"]


GRANIAN = ["-m", "granian", "--interface=asgi", "--workers=1", "--no-log"]
GRANIAN += ["--loop=uvloop"] if os.name != "nt" else []
GRANIAN += [f"--port={PORT}", "blacksheep_app:app"]
SANIC = ["-m", "sanic", "sanic_app:app", "--workers=1", "--no-motd"]
SANIC += ["--no-access-logs", f"--port={PORT}"]
CHARSET = f"{JSON}; charset=utf-8"

PEERS = [
    Peer("pico 05", "own", "pico_app", ["pico_app.py"], exact=True, step="05"),
    Peer("pico 04", "own", "pico_app", ["pico_app.py"], exact=True, step="04"),
    Peer("Roll", "own", "roll_app", ["roll_app.py", "standard"], CHARSET),
    Peer("Roll with ujson", "own", "roll_app", ["roll_app.py"], CHARSET),
    Peer("bare ASGI", "uvicorn", "asgi_app", uvicorn("asgi_app")),
    Peer("BlackSheep on granian", "granian", "blacksheep_app", GRANIAN),
    Peer(
        "BlackSheep on uvicorn",
        "uvicorn",
        "blacksheep_app",
        uvicorn("blacksheep_app"),
    ),
    Peer("aiohttp", "own", "aiohttp_app", ["aiohttp_app.py"], CHARSET),
    Peer("Falcon", "uvicorn", "falcon_app", uvicorn("falcon_app")),
    Peer("Sanic", "own", "sanic_app", SANIC),
    Peer("Starlette", "uvicorn", "starlette_app", uvicorn("starlette_app")),
    Peer("FastAPI", "uvicorn", "fastapi_app", uvicorn("fastapi_app")),
    Peer(
        "Flask",
        "gunicorn, threads",
        "flask_app",
        gunicorn("flask_app"),
        posix=True,
    ),
    Peer(
        "Django",
        "gunicorn, threads",
        "django_app",
        gunicorn("django_app"),
        posix=True,
    ),
]
QUICK = ("pico 05", "Roll", "bare ASGI", "Starlette")


def chosen(words: Sequence[str], quick: bool) -> list[Peer]:
    """Return the peers whose names begin so, after pico 05.

    Without words: all of them, or a few that are quick.
    """
    first, *others = PEERS
    if not words:
        return [p for p in PEERS if not quick or p.name in QUICK]
    for word in words:
        if not any(begins(peer, word) for peer in PEERS):
            known = ", ".join(repr(peer.name) for peer in PEERS)
            raise WorkshopError(
                f"There is no peer {word!r}: choose among {known}."
            )
    return [first] + [
        p for p in others if any(begins(p, word) for word in words)
    ]


def begins(peer: Peer, word: str) -> bool:
    """Return whether a peer is meant by a word.

    >>> begins(PEERS[0], "Pico")
    True
    """
    return peer.name.lower().startswith(word.lower())


# What each must answer


def checked(peer: Peer, wire: Wire) -> list[Case]:
    """Ask for what nobody has prepared; return what may be timed."""
    greeted(peer, wire, HELLO.request.replace(b"/bench", b"/b3nch"), "b3nch")
    cases = []
    for case in (HELLO, PAGE):
        answer = greeted(peer, wire, case.request, "bench")
        if peer.exact and answer.content != case.content:
            raise WrongAnswer(f"{answer.content!r} is not {case.content!r}")
        fields: dict[str, str | re.Pattern[str]] = {
            "content-type": peer.content_type,
            "content-length": str(len(answer.content)),
        }
        if answer.field("date"):  # who sends one sends it always
            fields["date"] = DATE
        cases.append(replace(case, fields=fields, content=answer.content))
    kept(peer, wire)
    return [*cases, replace(POST, fields={})]


def greeted(peer: Peer, wire: Wire, request: bytes, name: str) -> Answer:
    """Return the answer to a request that greets somebody."""
    answer = asked(wire, request)
    value = {"message": f"Hello {name}"}
    same(peer, answer, value)
    return answer


def kept(peer: Peer, wire: Wire) -> None:
    """Raise WrongAnswer unless positions are validated and stored."""
    for content in (POSITION.replace(b"120", b"121"), POSITION):
        answer = asked(wire, posted(content))
        if answer.status != 204:
            raise WrongAnswer(f"{content!r} gave {answer.status}, not 204")
        shown = asked(wire, b"GET /drones/7" + HEAD + b"\r\n")
        same(peer, shown, json.loads(content))
    for content in NO_POSITIONS:
        answer = asked(wire, posted(content))
        if answer.status not in REFUSED:
            raise WrongAnswer(f"{content!r} gave {answer.status}, not 422")


def posted(content: bytes) -> bytes:
    """Return the request that posts a position."""
    length = b"Content-Length: %d" % len(POSITION)
    wanted = b"Content-Length: %d" % len(content)
    head = POST.request.removesuffix(POSITION).replace(length, wanted)
    return head + content


def asked(wire: Wire, request: bytes) -> Answer:
    """Return the one answer that a request brings."""
    exchange = wire.send(request)
    if len(exchange.answers) != 1:
        raise WrongAnswer(
            f"{request[:40]!r} brought {len(exchange.answers)} answers"
        )
    return exchange.answers[0]


def same(peer: Peer, answer: Answer, value: Any) -> None:
    """Raise WrongAnswer unless an answer is this value, as JSON."""
    if answer.status != 200:
        raise WrongAnswer(f"status is {answer.status}, not 200")
    if answer.field("content-type") != peer.content_type:
        found = answer.field("content-type")
        raise WrongAnswer(f"content-type is {found!r}")
    try:
        right = json.loads(answer.content) == value
    except ValueError:
        right = False
    if not right:
        raise WrongAnswer(f"content is {answer.content!r}, not {value!r}")
