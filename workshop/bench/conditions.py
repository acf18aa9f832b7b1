"""Say how fit this machine is to measure on, before anything is measured.

Knows: versions, cores, clocks, battery, ports; one fix for each that is bad.
Does not know: requests, how much launches differ.
"""

import functools
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from workshop import ports
from workshop.bench import machine, servers
from workshop.bench.study import QUIET
from workshop.errors import WorkshopError

SUPPORTED = (3, 11), (3, 14)
COARSE = 0.001  # seconds: a clock that ticks less often needs longer runs
STOLEN = 1.0  # per cent of all cores' time, that the host may take


@dataclass(frozen=True)
class Fact:
    """One thing that is good for measuring, or not; then with a fix."""

    name: str
    text: str
    fix: str = ""
    word: str = "PASS"  # or WARN, or FAIL: nothing can be measured
    figures: dict[str, Any] = field(default_factory=dict)


def judged(
    name: str, text: str, good: bool, fix: str, word: str = "WARN"
) -> Fact:
    """Return a fact; its fix is told only if it is not good."""
    return Fact(name, text) if good else Fact(name, text, fix, word)


def conditions() -> Iterator[Fact]:
    """Yield what is to be known before a launch."""
    yield python(platform.python_implementation(), sys.version_info[:2])
    yield loop(machine.version("uvloop"))
    yield parser(machine.version("httptools"))
    yield cores(os.cpu_count() or 1)
    yield pinning()
    # Our own, read as that of a server is.
    cpu = functools.partial(servers.cpu_seconds, psutil.Process())
    yield clock(tick(cpu), tick(time.perf_counter))
    yield battery(machine.battery())
    yield others(machine.load_average())
    yield port()


def python(implementation: str, version: tuple[int, ...]) -> Fact:
    first, last = (".".join(map(str, each)) for each in SUPPORTED)
    return judged(
        "Python",
        f"{implementation} {platform.python_version()}",
        implementation == "CPython"
        and SUPPORTED[0] <= version <= SUPPORTED[1],
        f"run start.py with CPython {first} to {last}: figures of the pages"
        " are of these",
    )


def loop(version: str | None) -> Fact:
    """The loop of all figures is uvloop; asyncio's works as well."""
    fix = "`python -m pip install uvloop`"
    if sys.platform == "win32":
        fix = "Windows has no uvloop: compare with figures of asyncio alone"
    text = f"uvloop {version}" if version else "asyncio's own"
    return judged("loop", text, version is not None, fix)


def parser(version: str | None) -> Fact:
    return judged(
        "httptools",
        version or "not installed: steps 03 to 05 do not start",
        version is not None,
        "`python -m pip install httptools`",
        "FAIL",
    )


def cores(number: int) -> Fact:
    return judged(
        "cores",
        str(number),
        number > 1,
        "take a machine with two: here server and generator take turns",
    )


def pinning() -> Fact:
    """Try it: a container may forbid what the system can."""
    try:
        with servers.pinned() as core:
            text = f"the server has core {core} alone"
    except (psutil.Error, OSError):
        core = None
    fix = "close other programs: the system may move a server between cores"
    text = "cannot be had here" if core is None else text
    return judged("pinning", text, core is not None, fix)


def tick(read: Callable[[], float], ticks: int = 5) -> float:
    """Return the smallest step of a clock, in seconds.

    >>> readings = iter([0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75])
    >>> tick(lambda: next(readings), ticks=3)
    0.25
    """
    steps: list[float] = []
    before = read()
    while len(steps) < ticks:
        now = read()
        if now != before:
            steps.append(now - before)
        before = now
    return min(steps)


def clock(cpu: float, wall: float) -> Fact:
    text = (
        f"CPU time in steps of {cpu * 1e6:,.1f} µs, perf_counter of"
        f" {wall * 1e6:,.2f} µs"
    )
    fix = "take full runs: in a --quick one such a clock ticks too seldom"
    return judged("clock", text, cpu <= COARSE, fix)


def battery(text: str) -> Fact:
    good = not text.startswith("on battery")
    return judged("battery", text, good, "plug it in")


def others(load: float | None) -> Fact:
    if load is None:
        return Fact("other work", "this system does not tell")
    return judged(
        "other work",
        f"load {load:.2f} in the last minute",
        load <= QUIET,
        "close what runs, and wait a minute",
    )


def port() -> Fact:
    """Take any free port, as each launch does."""
    try:
        number = ports.check("127.0.0.1", 0)
    except WorkshopError:
        fix = "allow this program to listen at 127.0.0.1 (firewall, sandbox)"
        return Fact("port", "none can be had", fix, "FAIL")
    return Fact("port", f"{number} at 127.0.0.1 was free")


def steal(seconds: float | None, took: float) -> Fact:
    """Judge what the host took while we measured for so many seconds."""
    if seconds is None:
        return Fact("steal", "this system does not tell")
    share = 100 * seconds / (took * (os.cpu_count() or 1))
    return judged(
        "steal",
        f"the host took {share:.1f} % of our time",
        share <= STOLEN,
        "measure when the host is quiet, or on a machine of your own",
    )
