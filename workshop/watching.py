"""Do something again whenever a folder's code was saved.

Knows: modification times and sizes, what still runs from the last time.
Does not know: what is done; clocks (it is given a pause).

Polling works everywhere: on network disks, in WSL, without a dependency.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from workshop import diffs

Snapshot = dict[str, tuple[int, int]]


class Running(Protocol):
    """What was begun and can be ended."""

    def end(self) -> None: ...


def snapshot(folder: Path) -> Snapshot:
    """Return time and size of each file of code in a folder.

    Not of the state that `check` itself writes there.
    """
    found: Snapshot = {}
    for path in map(folder.joinpath, diffs.code(folder)):
        with contextlib.suppress(OSError):  # It was removed meanwhile.
            stat = path.stat()
            found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found


def watch(
    look: Callable[[], Snapshot],
    pause: Callable[[], None],
    begin: Callable[[], Running],
) -> None:
    """Begin at once, and again after each change, until Ctrl-C.

    What still runs then is ended. Editors write in several goes: nothing
    begins before two looks in a row see the same.
    """
    seen: Snapshot | None = None
    running: Running | None = None
    try:
        while True:
            now = look()
            if now != seen:
                if running:
                    running.end()
                seen = settled(now, look, pause)
                running = begin()
            pause()
    finally:
        if running:
            running.end()


def settled(
    now: Snapshot, look: Callable[[], Snapshot], pause: Callable[[], None]
) -> Snapshot:
    """Return what is there once nothing changes any more."""
    while True:
        pause()
        before, now = now, look()
        if now == before:
            return now
