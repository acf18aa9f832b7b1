"""Start the program of a step in a process of its own, and end it.

Knows: targets, child processes, the line `Listening on`.
Does not know: requests; what a program answers.
"""

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread, current_thread, main_thread
from types import FrameType
from typing import Any, BinaryIO, TextIO
from urllib.parse import SplitResult, urlsplit

import psutil

from workshop import tracebacks, work
from workshop.errors import ENVIRONMENT, FAIL, WorkshopError
from workshop.mistakes import explained, reading, shown
from workshop.steps import all_steps, find

PATIENCE = 10.0  # seconds until a program must say that it listens
GRACE = 3.0  # seconds until a program that was told to end is killed
MOMENT = 0.1  # seconds from one look at a program to the next
LONG = 65536  # bytes of a line, or of a log, that are kept
# What tells a child that coverage measures it, and where plugin.py puts it
# aside: a Python that is measured takes ten times as long to start, so only
# the last step is.
COVERAGE, MEASURE = "COVERAGE_PROCESS_CONFIG", "WORKSHOP_COVERAGE"
RUNS = re.compile(r"^\s*\w+\.run\(", re.M)
LISTENING = re.compile(rb"Listening on (https?://\S+)")


# Targets


@dataclass(frozen=True)
class Target:
    """What is judged or measured: a step, any folder, or a URL."""

    name: str
    folder: Path | None
    url: str | None


def target(word: str) -> Target:
    """Return the target called `03`, `parsing`, `some/folder` or a URL."""
    if "://" in word:
        return Target(word, None, answering(word))
    folder = meant(word)
    if word.isdecimal() or not folder.is_dir():
        try:
            step = find(word)
            return Target(step.name, step.folder, None)
        except WorkshopError:
            if word.isdecimal():
                raise
        raise WorkshopError(
            f"{word!r} is no step, no folder and no URL: give a step"
            " (03), a folder that exists, or http://HOST:PORT."
        )
    folder = folder.resolve()
    main_file(folder)
    return Target(folder.name, folder, None)


def meant(word: str) -> Path:
    """Return the folder that is called so; work is the learner's, anywhere."""
    folder = Path(word).expanduser()
    if folder == Path("work") and not folder.is_dir():
        return work.folder()
    return folder


def number_of(chosen: Target) -> str | None:
    """Return the number of a target that is a step."""
    for step in all_steps():
        if step.folder == chosen.folder:
            return step.number
    return None


def has_pico(folder: Path) -> bool:
    """Tell whether a folder's pico.py defines what programs import."""
    path = folder / "pico.py"
    if not path.is_file():
        return False
    with reading(path):
        text = path.read_text("utf-8", "replace")
    return re.search(r"^class Pico\b", text, re.MULTILINE) is not None


def main_file(folder: Path) -> Path:
    """Return the program of a folder: app.py, or pico.py in step 01."""
    for name in ("app.py", "pico.py"):
        if (folder / name).is_file():
            return folder / name
    raise WorkshopError(
        f"{shown(folder)} has neither app.py nor pico.py: give a folder"
        " that holds a program, such as steps/03_parsing."
    )


def answering(url: str) -> str:
    """Return the URL without its path, once its server has answered."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise WorkshopError(
            f"{url!r} is no URL that can be tried: it must look like"
            " http://127.0.0.1:8000."
        )
    try:
        knock(parts)
    except (OSError, ValueError) as error:
        raise WorkshopError(
            f"{url} does not answer ({error}): start its server first,"
            " or correct the address.",
            ENVIRONMENT,
        ) from None
    return f"http://{parts.netloc}"


def knock(parts: SplitResult) -> None:
    """Send the simplest request; raise unless HTTP comes back."""
    address = (parts.hostname, parts.port or 80)
    request = f"GET / HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n"
    with socket.create_connection(address, timeout=PATIENCE / 2) as client:
        client.sendall(request.encode("latin-1"))
        if not client.recv(5).startswith(b"HTTP/"):
            raise ValueError("what it sends is not HTTP")


# Programs


@dataclass(frozen=True)
class Running:
    """A program that listens."""

    url: str
    process: subprocess.Popen[bytes]
    errors: Path

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    def log(self) -> str:
        """Return what the program has written to its stderr."""
        return last(self.errors)


@contextlib.contextmanager
def launched(
    folder: Path,
    program: Path | None = None,
    env: Mapping[str, str] | None = None,
    *,
    patience: float = PATIENCE,
    grace: float = GRACE,
    echo: bool = False,
) -> Iterator[Running]:
    """Run a folder's program, or another one on its rooms, until the end.

    Where pico.py has no Pico, as in step 01, no other program can run: it
    runs its own.
    With `echo`, what the program writes is shown as well. Ctrl-C reaches us
    alone: we end the program.
    """
    folder = folder.resolve()
    if program is None or not has_pico(folder):
        program = main_file(folder)
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        errors = Path(stack.enter_context(made), "stderr")
        sink = stack.enter_context(errors.open("ab", buffering=0))
        with undisturbed():
            process = subprocess.Popen(
                [sys.executable, "-P", str(program.resolve())],
                cwd=folder,
                env=environment(folder, env or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if echo else sink,
                **apart(),
            )
            ears = Ears(process, sink, echo)
            stack.callback(ears.join)
            stack.callback(end, process, grace)
        url = ears.url(patience)
        if url is None:
            if not ears.open:  # It is about to end.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                ears.join()  # Its last words are all in `errors` now.
            raise failure(process, errors, program, folder, patience)
        if urlsplit(url).port == 0:
            raise WorkshopError(
                f"{shown(program)} prints port 0, which is not where it"
                " listens: print `server.sockets[0].getsockname()[1]`.",
                FAIL,
            )
        yield Running(url, process, errors)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait: what is begun here can be ended only afterwards."""
    if current_thread() is not main_thread():  # It never gets a signal.
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda *words: came.append(words))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(*came[0])


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a child: its own rooms, any free port."""
    measured = folder == all_steps()[-1].folder and MEASURE in os.environ
    return {
        **os.environ,
        **({COVERAGE: os.environ[MEASURE]} if measured else {}),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "PYTHONFAULTHANDLER": "1",  # see `tracebacks.let_tell`
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        **extra,
    }


def apart() -> dict[str, Any]:
    """Return what keeps Ctrl-C in a terminal from reaching a child."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


class Ears:
    """Hear what a program says, so that it never waits for a reader."""

    def __init__(
        self, process: subprocess.Popen[bytes], sink: BinaryIO, echo: bool
    ) -> None:
        self.process = process
        self.sink = sink
        self.echo = echo
        self.open = True  # It may say more.
        self.listens = False  # Before it does, we tell what is wrong.
        self.kept: deque[bytes] = deque(maxlen=1000)  # until it listens
        self.lock = Lock()
        self.said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        readers = [self.hear_stdout, self.hear_stderr][: 1 + echo]
        self.threads = [Thread(target=each, daemon=True) for each in readers]
        for thread in self.threads:
            thread.start()

    def url(self, patience: float) -> str | None:
        """Return the URL that the program says, or None."""
        with contextlib.suppress(queue.Empty):
            return self.said.get(timeout=patience)
        return None

    def join(self) -> None:
        """Hear the end of it."""
        for thread in self.threads:
            thread.join(GRACE)

    def hear_stdout(self) -> None:
        assert self.process.stdout
        with self.process.stdout as stdout:
            for line in iter(lambda: stdout.readline(LONG), b""):
                if self.echo:
                    show(line, sys.stdout)
                found = LISTENING.search(line)
                if found:
                    self.listens = True
                    self.pass_on()
                    self.said.put(found[1].decode("latin-1"))
        self.open = False
        self.said.put(None)

    def hear_stderr(self) -> None:
        assert self.process.stderr
        with self.process.stderr as stderr:
            for line in iter(lambda: stderr.readline(LONG), b""):
                self.sink.write(line)
                self.kept.append(line)
                self.pass_on()

    def pass_on(self) -> None:
        """Show what was written to stderr, once the program listens."""
        with self.lock:
            while self.listens and self.kept:
                show(self.kept.popleft(), sys.stderr)


def show(line: bytes, stream: TextIO) -> None:
    """Pass on a line that a program wrote."""
    with contextlib.suppress(OSError, ValueError):
        text = line.decode("utf-8", "backslashreplace")
        stream.write(text.replace("\r\n", "\n"))
        stream.flush()


def failure(
    process: subprocess.Popen[bytes],
    errors: Path,
    program: Path,
    folder: Path,
    patience: float,
) -> WorkshopError:
    """Return the error that says why a program does not listen."""
    status = process.poll()
    if status is None:
        tracebacks.let_tell(process)
        place = tracebacks.stuck(last(errors), folder)
        known = f"it stands at {place}" if place else advice(program, folder)
        return WorkshopError(
            f"{shown(program)} runs, but did not print `Listening on"
            f" http://HOST:PORT` within {patience:g} seconds: {known}.",
            FAIL,
        )
    text = last(errors)
    if not text.strip():
        return WorkshopError(
            f"{shown(program)} ended (status {status}) before it listened:"
            f" {advice(program, folder)}.",
            FAIL,
        )
    return explained(text, program, folder)


def advice(program: Path, folder: Path) -> str:
    """Return what a program lacks that does not say that it listens."""
    if program.name == "pico.py" and has_pico(folder):
        return "it has a class Pico, so write app.py, which runs one"
    if program.name == "pico.py":
        return "print `Listening on http://HOST:PORT`, then serve for ever"
    if RUNS.search(program.read_text("utf-8", "replace")):
        return "`run` prints `Listening on http://HOST:PORT`, then serves"
    return "let its last line be `app.run()`"


def last(errors: Path) -> str:
    """Return the end of what a program wrote."""
    with errors.open("rb") as file:
        file.seek(max(0, errors.stat().st_size - LONG))
        text = file.read().decode("utf-8", "replace")
    return text.replace("\r\n", "\n")  # as Windows ends a line


def wait(process: subprocess.Popen[Any]) -> int:
    """Return how a program ended; on Windows only a sleep hears Ctrl-C."""
    while sys.platform == "win32" and process.poll() is None:
        time.sleep(MOMENT)
    return process.wait()


def end(process: subprocess.Popen[Any], grace: float = GRACE) -> None:
    """End a program and what it started: kindly, then not."""
    family: list[psutil.Process] = []
    try:  # A second Ctrl-C may come at any moment.
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(grace)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()  # Does nothing to one that has ended.
        process.wait()
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
