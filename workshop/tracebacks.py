"""Find the line of a folder that a traceback, or a stack, is about.

Knows: how Python writes tracebacks and faulthandler writes stacks.
Does not know: who wrote them, what is told to the learner.
"""

import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workshop.errors import FAIL, WorkshopError
from workshop.mistakes import PLACE, place, shown

HEADER = "Traceback (most recent call last):"
MODULE = re.compile(
    r'^\s*File "(?P<path>[^"<]+)", line (?P<line>\d+) in <module>$', re.M
)
STACK = "Fatal Python error:"  # then comes what faulthandler writes
BEGUN = "most recent call first"  # it writes before each stack
UP = "Timeout ("  # it writes when time is up, before it ends the process
ERROR = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?:: (?P<said>.*))?$")
# What a loop, or httptools, says of a callback that it cannot call: no line
# of the folder's.
UNCALLABLE = re.compile(
    r"TypeError: (?:\w+\.(?:connection_made|data_received|eof_received"
    r"|connection_lost|(?:pause|resume)_writing|on_\w+|ended)\(\)"
    r" (?:takes|missing)|'\w*(?:Protocol|Connection)' object is not callable)"
)
# What the tests raise themselves, to see what becomes of it.
ON_PURPOSE = {"RuntimeError", "HttpError", "messages.HttpError"}
NO_END = (
    "the code does not come back from here: a loop that never ends, or a call"
    " that blocks."
)
TURNS = (
    "its answer never comes to its end: look for a loop that awaits, and never"
    " ends."
)
SERVES = (
    "it serves while it is imported, and shall do so only as the program. Put"
    ' this under `if __name__ == "__main__":`.'
)
PATIENCE = 2.0  # seconds for a process to write its stack
COLLECTED = b"(collected)\n"  # what the contract application says then


def blamed(text: str, folder: Path) -> tuple[str, str]:
    """Return the last exception that a folder's code raised, and its line.

    An exception that was raised on purpose, by a test, is nobody's fault.
    Both are empty if there is none.
    """
    for behind in reversed(text.split(HEADER)[1:]):
        part = behind.partition(STACK)[0]
        frames = list(PLACE.finditer(part))
        error = raised(part[frames[-1].end() :] if frames else part)
        if not frames or not error:
            continue
        own = [frame for frame in frames if is_below(frame["path"], folder)]
        if not own and UNCALLABLE.match(error):
            return error, ""
        foreign = is_test(frames[-1]["path"])
        if own and not (foreign and error.partition(":")[0] in ON_PURPOSE):
            return error, "" if foreign else place(own[-1], error)
    return "", ""


def loose(text: str) -> str:
    """Return the name of an exception that nobody caught, or ""."""
    _, uncaught, after = text.rpartition("An answer was broken off")
    if not uncaught:
        _, uncaught, after = text.rpartition("exception was never retrieved")
    names = [raised(part) for part in after.split(HEADER)[1:]]
    if not uncaught or not names:
        return ""
    return names[0].partition(":")[0].rpartition(".")[2]


def raised(text: str) -> str:
    """Return the line that names the exception, behind the frames."""
    for line in text.splitlines():
        name = ERROR.match(line)
        if name and line[:1].isalpha():
            return line.strip()
    return ""


def is_test(path: str) -> bool:
    """Return whether a frame lies in a test, or in what tests serve."""
    name = Path(path).name
    return name.startswith("test_") or name == "wire_app.py"


def is_below(path: str, folder: Path) -> bool:
    return Path(path).is_relative_to(folder)


def stuck(text: str, folder: Path) -> str:
    """Return the line where a program stands, of a stack by faulthandler.

    Empty if its loop only waits for something to happen.
    """
    for stack in text.split(BEGUN)[1:]:
        for frame in PLACE.finditer(stack):
            if is_below(frame["path"], folder):
                return place(frame)
            if {"asyncio", "uvloop"} & set(Path(frame["path"]).parts):
                break
    return ""


def imported(text: str, folder: Path) -> str:
    """Return the line of a folder's file that has not come to its end.

    Where promises run, a file is imported, and never the program.
    """
    for frame in MODULE.finditer(text):
        if is_below(frame["path"], folder):
            return place(frame)
    return ""


def late(text: str, folder: Path) -> WorkshopError | None:
    """Return a sentence for stacks that were written when time was up.

    No loop waits in a count: a line of the folder is why if it is in each of
    them, even if it has called a loop's function. The last two may have been
    written at once, one into the other.
    """
    many, _, last = text.partition(UP)
    stacks = many.split(BEGUN)[1:-1] or last.split(BEGUN)[1:][-1:]
    if not stacks:
        return None
    where = imported(stacks[-1], folder)
    if where:
        return WorkshopError(f"{where}: {SERVES}", FAIL)
    inside = [
        [f for f in PLACE.finditer(stack) if is_below(f["path"], folder)]
        for stack in stacks
    ]
    if all(inside):
        return WorkshopError(f"{place(inside[-1][0])}: {NO_END}", FAIL)
    return WorkshopError(f"{shown(folder)}: {TURNS}", FAIL)


def let_collect(process: "subprocess.Popen[Any]", log: Path) -> None:
    """Let the contract application tell which tasks failed unseen.

    A task whose exception nobody asks for tells it when it is collected.
    Windows has no signal for it.
    """
    if sys.platform == "win32" or process.poll() is not None:
        return
    import signal

    process.send_signal(signal.SIGUSR1)
    until = time.monotonic() + PATIENCE / 4
    while COLLECTED not in log.read_bytes() and time.monotonic() < until:
        time.sleep(0.01)


def let_tell(process: "subprocess.Popen[Any]") -> None:
    """Let a program that hangs write its stack, and end.

    It was started with PYTHONFAULTHANDLER=1; Windows has no signal for it.
    """
    if sys.platform == "win32" or process.poll() is not None:
        return
    import resource
    import signal

    if sys.platform == "linux":  # No file named core in the folder.
        limits = (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
        with contextlib.suppress(OSError):
            resource.prlimit(process.pid, resource.RLIMIT_CORE, limits)
    process.send_signal(signal.SIGABRT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
