"""Fill a folder with the wheels that attendees need without a network.

Knows: pins and their markers, tags of wheels, pip.
Does not know: how a folder of wheels is installed from (start.py does).

pip evaluates the markers of a pin for the machine that it runs on. So we
evaluate them for each target, and pip fetches exact pins without asking what
they need. A wheel is moved into the folder when it is whole.
"""

import contextlib
import functools
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import (
    Tag,
    compatible_tags,
    cpython_tags,
    mac_platforms,
    platform_tags,
)
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import Version

from workshop import pins
from workshop.errors import ENVIRONMENT, FAIL, WorkshopError
from workshop.steps import ROOT
from workshop.verbs import START

FOLDER = ROOT / "wheelhouse"
PART = ".part-"  # how a folder begins that is being filled
RUNTIME = ("runtime",)
MACOS = (11, 0)
# glibc 2.28 and macOS 11 are older than what attendees have.
GLIBC = (
    *(f"manylinux_2_{minor}" for minor in range(28, 4, -1)),
    *("manylinux2014", "manylinux2010", "manylinux1", "linux"),
)
MARKERS = {
    "Linux": ("posix", "linux", "Linux"),
    "macOS": ("posix", "darwin", "Darwin"),
    "Windows": ("nt", "win32", "Windows"),
}
OPTIONS = (
    "--no-input",
    "--disable-pip-version-check",
    "--progress-bar=off",
    "--retries=2",  # Without any, pip does not say what is wrong.
    "--no-deps",
    "--only-binary=:all:",
    "--implementation=cp",
)
LACKING = re.compile(r"No matching distribution found for ([\w.-]+?)==")
OFFLINE = re.compile(
    "NewConnectionError|Connection ?Refused|ConnectTimeout|ReadTimeout|"
    "Connection ?reset|ProxyError|Failed to establish|getaddrinfo|"
    "name resolution|Network is unreachable|timed out",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Target:
    """A system with one Python."""

    system: str  # "macOS"
    machine: str  # "arm64"
    python: str  # "3.13"
    platforms: tuple[str, ...] = ()  # of its wheels; () is this system

    @property
    def name(self) -> str:
        return f"{self.system} {self.machine}, Python {self.python}"

    @property
    def environment(self) -> dict[str, str]:
        """What the markers of a pin are evaluated in."""
        os_name, sys_platform, system = MARKERS[self.system]
        here = {k: str(value) for k, value in default_environment().items()}
        return {
            **here,
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": os_name,
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": system,
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": sys_platform,
        }


@functools.cache
def tags(target: Target) -> frozenset[Tag]:
    """Return the tags of the wheels that a target can install."""
    major, minor = map(int, target.python.split("."))
    version, names = (major, minor), list(target.platforms)
    names = names or list(platform_tags())
    own = cpython_tags(version, platforms=names)
    every = compatible_tags(version, f"cp{major}{minor}", names)
    return frozenset([*own, *every])


def every_system() -> list[Target]:
    """Return all systems and Pythons that the workshop supports."""
    known = [
        ("Linux", word, tuple(f"{name}_{word}" for name in GLIBC))
        for word in ("x86_64", "aarch64")
    ]
    known += [
        ("macOS", word, tuple(mac_platforms(MACOS, word)))
        for word in ("x86_64", "arm64")
    ]
    known.append(("Windows", "AMD64", ("win_amd64",)))
    return [
        Target(system, machine, python, platforms)
        for system, machine, platforms in known
        for python in pins.PYTHONS
    ]


def this_system() -> list[Target]:
    """Return this system with all Pythons that the workshop supports."""
    words = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
    if sys.platform not in words:
        raise WorkshopError(
            f"The workshop has no wheels for {sys.platform}: --all fetches"
            " those for Linux, macOS and Windows.",
            ENVIRONMENT,
        )
    system, machine = words[sys.platform], platform.machine()
    return [Target(system, machine, python) for python in pins.PYTHONS]


# What a target needs


def wanted(target: Target, groups: Sequence[str]) -> list[Requirement]:
    """Return the pins that hold on a target."""
    found = []
    for group in groups:
        for line in pins.read(group).splitlines():
            if not line or line.startswith("#"):
                continue
            pin = Requirement(line)
            if not pin.marker or pin.marker.evaluate(target.environment):
                found.append(pin)
    return found


def version(pin: Requirement) -> Version:
    """Return the one version that a pin allows."""
    return Version(next(iter(pin.specifier)).version)


@dataclass(frozen=True)
class Wheel:
    """A file of the folder, and what its name says."""

    path: Path
    name: str
    version: Version
    tags: frozenset[Tag]

    def fits(self, pin: Requirement, target: Target) -> bool:
        """Tell whether a target can install it for a pin."""
        return (
            self.name == canonicalize_name(pin.name)
            and self.version == version(pin)
            and not self.tags.isdisjoint(tags(target))
        )


def wheels(folder: Path) -> list[Wheel]:
    """Return the wheels of a folder, by name."""
    found = []
    for path in sorted(folder.glob("*.whl")):
        with contextlib.suppress(InvalidWheelFilename):
            name, number, _, own = parse_wheel_filename(path.name)
            found.append(Wheel(path, name, number, own))
    return found


def lacking(
    target: Target, groups: Sequence[str], known: Sequence[Wheel]
) -> list[Requirement]:
    """Return the pins of a target that no wheel of a folder serves."""
    return [
        pin
        for pin in wanted(target, groups)
        if not any(wheel.fits(pin, target) for wheel in known)
    ]


def needed(
    targets: Sequence[Target], groups: Sequence[str], folder: Path
) -> list[Path]:
    """Return the wheels of a folder that one of these targets needs."""
    known = wheels(folder)
    found = {
        wheel.path
        for target in targets
        for pin in wanted(target, groups)
        for wheel in known
        if wheel.fits(pin, target)
    }
    return sorted(found)


def damaged(folder: Path) -> list[Path]:
    """Return the wheels that are not whole."""
    found = []
    for path in sorted(folder.glob("*.whl")):
        try:
            with zipfile.ZipFile(path) as archive:
                broken = archive.testzip()
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
            broken = path.name
        if broken:
            found.append(path)
    return found


def problems(
    targets: Sequence[Target], groups: Sequence[str], folder: Path
) -> list[str]:
    """Return what is wrong with a folder, a sentence each."""
    found = [
        f"{path.name} is not whole: delete it, and fill the folder again."
        for path in damaged(folder)
    ]
    known = wheels(folder)
    for target in targets:
        lacks = [pin.name for pin in lacking(target, groups, known)]
        if lacks:
            found.append(f"{target.name} lacks {', '.join(lacks)}.")
    return found


# Filling the folder


def fill(
    targets: Sequence[Target],
    groups: Sequence[str],
    folder: Path,
    tell: Callable[[str], None],
) -> list[str]:
    """Fetch what lacks; return what has no wheel: "uvloop for macOS ..."."""
    prepare(folder, tell)
    found = []
    for number, target in enumerate(targets, 1):
        lacks = lacking(target, groups, wheels(folder))
        count = len(wanted(target, groups))
        begin = f"{number}/{len(targets)} {target.name}: {count} wheels"
        if not lacks:
            tell(f"{begin}, all there.")
            continue
        tell(f"{begin}, fetching {len(lacks)}.")
        found += [
            f"{n} for {target.name}" for n in fetch(target, lacks, folder)
        ]
    return found


def prepare(folder: Path, tell: Callable[[str], None]) -> None:
    """Make the folder; remove what an interrupted run or copy left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkshopError(
            f"The folder {folder} cannot be made ({error.strerror}): choose"
            " another with --out."
        ) from error
    for path in folder.glob(f"{PART}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in damaged(folder):
        tell(f"{path.name} is not whole: it is fetched anew.")
        path.unlink()


def fetch(
    target: Target, lacks: Sequence[Requirement], folder: Path
) -> list[str]:
    """Fetch wheels for a target; return the pins that have none for it.

    pip stops at the first that it does not find: we go on without it.
    """
    missing: list[str] = []
    asked: dict[str, str] = {
        canonicalize_name(pin.name): f"{pin.name}{pin.specifier}"
        for pin in lacks
    }
    while asked:
        with tempfile.TemporaryDirectory(prefix=PART, dir=folder) as place:
            done = pip_download(target, list(asked.values()), Path(place))
            if done.returncode == 0:
                for path in Path(place).glob("*.whl"):
                    path.replace(folder / path.name)
                break
        missing.append(asked.pop(not_found(done, asked)))
    return missing


def not_found(
    done: subprocess.CompletedProcess[str], asked: Mapping[str, str]
) -> str:
    """Return what pip did not find; WorkshopError if something else failed."""
    if OFFLINE.search(done.stdout):
        raise WorkshopError(
            "The wheels cannot be fetched, there is no network: go online"
            f" and run `{START} wheelhouse` again; it keeps what is there.",
            ENVIRONMENT,
        )
    found = LACKING.search(done.stdout)
    name = canonicalize_name(found[1]) if found else ""
    if name in asked:
        return name
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    last = lines[-1] if lines else f"status {done.returncode}"
    raise WorkshopError(
        f"pip could not fetch the wheels ({last.rstrip('.')}): mend that, then"
        " run it again; it keeps what is there.",
        FAIL,
    )


def pip_download(
    target: Target, lines: Sequence[str], place: Path
) -> subprocess.CompletedProcess[str]:
    """Run pip for some exact pins; what it says is in `stdout`."""
    where = [f"--platform={name}" for name in target.platforms]
    where.append(f"--python-version={target.python}")
    where.append(f"--dest={place}")
    return subprocess.run(
        [*pip(), "download", *OPTIONS, *where, *lines],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def pip() -> list[str]:
    """Return the command of a pip; uv leaves it out of what it makes."""
    if importlib.util.find_spec("pip") is None:
        done = subprocess.run(
            [sys.executable, "-m", "ensurepip"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise WorkshopError(
                "The wheels are fetched by pip, which this Python does not"
                " have, nor can it make one: install pip into .venv, for"
                f" example by `uv pip install --python {sys.executable} pip`,"
                " and run it again.",
                ENVIRONMENT,
            )
    return [sys.executable, "-m", "pip"]
