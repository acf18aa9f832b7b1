"""Say on which machine, with which versions, something was measured.

Knows: psutil, platform, git, battery, stolen time, other work.
Does not know: what was measured.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import psutil

from workshop.steps import ROOT

PACKAGES = ("uvloop", "httptools", "psutil")


def facts() -> dict[str, Any]:
    """Return what a reader must know of this machine."""
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()}"
        f" {platform.python_version()}",
        "loop": "uvloop" if version("uvloop") else "asyncio",
        "versions": {name: version(name) for name in PACKAGES},
        "commit": commit(),
        "battery": battery(),
        "load_average": load_average(),
    }


def cpu() -> str:
    """Return the name of the processor."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        found = re.search(r"model name\s*: (.+)", path.read_text("utf-8"))
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    """Return the commit of the clone; `+` says that it was changed since."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def battery() -> str:
    """Return whether the machine runs on battery: it may be slowed then."""
    sensor = getattr(psutil, "sensors_battery", lambda: None)()
    if sensor is None:
        return "none"
    plugged = "plugged in" if sensor.power_plugged else "on battery"
    return f"{plugged}, {sensor.percent:.0f}%"


def load_average() -> float | None:
    """Return how many wanted a core in the last minute, if that is told."""
    try:
        return round(float(psutil.getloadavg()[0]), 2)
    except (OSError, RuntimeError):  # Windows without performance counters
        return None


def stolen() -> float | None:
    """Return the seconds that the host took from us so far, if it tells."""
    steal = getattr(psutil.cpu_times(), "steal", None)
    return None if steal is None else float(steal)
