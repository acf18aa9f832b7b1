"""Start a server by its own command line; read what all of it has used.

Knows: processes and their children, ports, cores, environments.
Does not know: which server it is, what it answers.

Servers of others say in their own ways that they listen, or do not say it: so
we choose the port, and knock until somebody answers.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from workshop import ports
from workshop.bench.servers import Server, Usage, cpu_seconds
from workshop.errors import FAIL, WorkshopError
from workshop.serving import (
    GRACE,
    apart,
    end,
    environment,
    knock,
    last,
    undisturbed,
)

HOST, PORT = "127.0.0.1", "{port}"
PATIENCE = 15.0  # seconds until a server must answer
PAUSE = 0.02  # seconds between two knocks
# What servers take from the environment, and nobody has measured.
NEUTRAL = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": ""}


@dataclass(frozen=True)
class Command:
    """How a server is started; `{port}` in it stands for its port."""

    words: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def text(self, port: int = 8000) -> str:
        """Return what a person types in that folder."""
        pairs = [f"{name}={value}" for name, value in self.env.items()]
        words = [*pairs, *self.words]
        return " ".join(words).replace(PORT, str(port))


@dataclass(frozen=True)
class Family(Server):
    """A server with all processes that it has started: its workers."""

    def usage(self) -> Usage:
        """Sum what they have used up to now."""
        found = [used(process) for process in family(self.pid)]
        return Usage(
            sum(each.cpu for each in found),
            sum(each.switches for each in found),
            sum(each.memory for each in found),
        )


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def used(process: psutil.Process) -> Usage:
    """Return what one process has used; nothing if it has ended."""
    try:
        return Usage(
            cpu_seconds(process),
            process.num_ctx_switches().voluntary,
            process.memory_info().rss,
        )
    except (OSError, psutil.Error):
        return Usage(0, 0, 0)


@contextlib.contextmanager
def started(command: Command, core: int | None = None) -> Iterator[Family]:
    """Run a command until it answers, and to the end of the block."""
    port = ports.spare(HOST)
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        log = Path(stack.enter_context(made), "log")
        sink = stack.enter_context(log.open("wb"))
        variables = {**NEUTRAL, "PORT": str(port), **command.env}
        # Threads and workers inherit the core; Ctrl-C waits until then.
        with on_core(core), undisturbed():
            process = subprocess.Popen(
                [word.replace(PORT, str(port)) for word in command.words],
                cwd=command.folder,
                env=environment(command.folder, replaced(variables, port)),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                **apart(),
            )
            stack.callback(ended, process)
        answers(process, port, log)
        yield Family(HOST, port, process.pid)


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers; return once the core is free again."""
    workers: list[psutil.Process] = []
    try:  # A second Ctrl-C may come at any moment.
        with contextlib.suppress(psutil.Error):
            workers = psutil.Process(process.pid).children(recursive=True)
    finally:
        end(process)
    psutil.wait_procs(workers, GRACE)


def replaced(variables: Mapping[str, str], port: int) -> dict[str, str]:
    """Return variables that know the port."""
    return {k: v.replace(PORT, str(port)) for k, v in variables.items()}


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Let what is started now run on one core alone, if there is one."""
    process = psutil.Process(os.getpid())
    if core is None:
        yield
        return
    before = process.cpu_affinity()
    process.cpu_affinity([core])
    try:
        yield
    finally:
        process.cpu_affinity(before)


def answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the server answers; WorkshopError if it never does."""
    url = urlsplit(f"http://{HOST}:{port}")
    for _ in range(int(PATIENCE / PAUSE)):
        with contextlib.suppress(OSError, ValueError):
            return knock(url)
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(PAUSE)
            raise WorkshopError(
                f"its server ended with status {status}: {said(log)}", FAIL
            )
    raise WorkshopError(
        f"its server did not answer within {PATIENCE:g} s: {said(log)}", FAIL
    )


def said(log: Path) -> str:
    """Return the last line that a server wrote."""
    lines = last(log).strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
