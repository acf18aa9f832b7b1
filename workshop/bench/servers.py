"""Launch a server, and read what it has used.

Knows: processes, their CPU clock, context switches, memory, cores.
Does not know: requests, answers.
"""

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from workshop.bench.arms import Arm
from workshop.serving import launched


@dataclass(frozen=True)
class Usage:
    """What a process has used so far; CPU time is user plus system."""

    cpu: float  # seconds
    switches: int  # voluntary: how often it went to sleep
    memory: int  # bytes, resident


@dataclass(frozen=True)
class Server:
    """A running server of our own."""

    host: str
    port: int
    pid: int

    def usage(self) -> Usage:
        """Read its clocks now."""
        process = psutil.Process(self.pid)
        return Usage(
            cpu_seconds(process),
            process.num_ctx_switches().voluntary,
            process.memory_info().rss,
        )


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
            psutil.Process(running.process.pid).cpu_affinity([core])
        yield Server(running.host, running.port, running.process.pid)


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
