"""Launch a server, and read what it has used, with all that it started.

Knows: processes, their CPU clock, context switches, memory, cores.
Does not know: requests, answers.
"""

import contextlib
import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

from workshop.bench.arms import Arm
from workshop.serving import launched


@dataclass(frozen=True)
class Usage:
    """What processes have used so far; CPU time is user plus system."""

    cpu: float  # seconds
    switches: int  # voluntary: how often it went to sleep
    memory: int  # bytes, resident
    reads: int | None = None  # read(2), as uvloop reads; None: nobody tells


@dataclass(frozen=True)
class Server:
    """A running server of our own."""

    host: str
    port: int
    pid: int

    def usage(self) -> Usage:
        """Read its clocks now, and those of its children."""
        return total([of(process) for process in family(self.pid)])


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants: some servers have workers."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def of(process: psutil.Process) -> Usage:
    """Return what one process has used; nothing if it has just ended."""
    try:
        return Usage(
            cpu_seconds(process),
            process.num_ctx_switches().voluntary,
            process.memory_info().rss,
            reads(process),
        )
    except (psutil.NoSuchProcess, OSError):
        return Usage(0, 0, 0)


def total(usages: Sequence[Usage]) -> Usage:
    """Return what several processes have used together."""
    read = [usage.reads for usage in usages if usage.reads is not None]
    return Usage(
        sum(usage.cpu for usage in usages),
        sum(usage.switches for usage in usages),
        sum(usage.memory for usage in usages),
        sum(read) if read else None,
    )


def reads(process: psutil.Process) -> int | None:
    """Return how often a process has read, where the system tells."""
    if platform.system() != "Linux":
        return None
    with contextlib.suppress(psutil.Error, OSError):
        return int(process.io_counters().read_count)
    return None


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process.

    Linux has a clock for each process that counts nanoseconds; psutil reads
    hundredths of a second.
    """
    if platform.system() == "Linux":
        # clock_getcpuclockid(3): the pid, inverted, and two bits.
        return time.clock_gettime((~process.pid << 3) | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def server(arm: Arm, core: int | None = None) -> Iterator[Server]:
    """Run an arm's server in a fresh process; end it afterwards."""
    with launched(arm.folder, arm.program, arm.env) as running:
        assert running.process
        if core is not None:
            pin(running.process.pid, core)
        yield Server(running.host, running.port, running.process.pid)


def pin(pid: int, core: int) -> None:
    """Keep a server, its children and all their threads on one core.

    What they start later stays there, too.
    """
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            process.cpu_affinity([core])
            if hasattr(os, "sched_setaffinity"):  # Linux: one by one
                for thread in process.threads():
                    os.sched_setaffinity(thread.id, [core])


@contextlib.contextmanager
def pinned() -> Iterator[int | None]:
    """Keep us and our children off one core; yield that core.

    The server gets it alone; the generator has the others. None where the
    system cannot pin, or has but one core.
    """
    process = psutil.Process(os.getpid())
    cores = process.cpu_affinity() if hasattr(process, "cpu_affinity") else []
    if len(cores) < 2:
        yield None
        return
    process.cpu_affinity(cores[:-1])
    try:
        yield cores[-1]
    finally:
        process.cpu_affinity(cores)
