"""Make an environment for what we compare with, and only for that.

Knows: venv, pip and uv, the pins of one group, a stamp that says what is in.
Does not know: what the packages are for.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop import pins
from workshop.errors import ENVIRONMENT, WorkshopError
from workshop.steps import ROOT

WHEELHOUSE = "wheelhouse"  # beside start.py: instead of the network
STAMP = "workshop.json"
ASTRAY = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_USER", "PIP_PREFIX")


@dataclass(frozen=True)
class Environment:
    """A folder with a Python of its own and the pins of one group."""

    folder: Path
    group: str
    command: str  # what makes it

    @property
    def python(self) -> Path:
        """Return its Python."""
        windows = os.name == "nt"
        within = ("Scripts", "python.exe") if windows else ("bin", "python")
        return self.folder.joinpath(*within)

    def stamp(self) -> dict[str, Any]:
        """Return what a complete installation left, or nothing."""
        try:
            text = (self.folder / STAMP).read_text("utf-8")
            stamp: dict[str, Any] = json.loads(text)
        except (OSError, ValueError):
            return {}
        return stamp

    def wanted(self) -> dict[str, str]:
        """Return what the stamp must say: which Python, which pins."""
        text = pins.read(self.group)
        return {
            "python": sys.version.split()[0],
            "pins": hashlib.sha256(text.encode()).hexdigest(),
        }

    def complete(self) -> bool:
        """Return whether it can be used as it is."""
        stamp, wanted = self.stamp(), self.wanted()
        same = {name: stamp.get(name) for name in wanted} == wanted
        return same and self.python.exists()

    def require(self) -> None:
        """Raise one sentence unless it can be used."""
        if not self.complete():
            raise WorkshopError(
                f"What {self.group} compares with is not installed, or not"
                f" as requirements/{self.group}.txt has it: run"
                f" `{self.command}`, which needs a network and takes a"
                " minute or two.",
                ENVIRONMENT,
            )

    def failed(self) -> list[str]:
        """Return the pins that could not be installed on this Python."""
        return list(self.stamp().get("failed", []))

    def install(self, tell: Callable[[str], None]) -> None:
        """Make it anew, if it is not complete; its stamp comes last."""
        if self.complete():
            return
        tell(f"Installing requirements/{self.group}.txt to {self.folder}.")
        if self.folder.exists():
            shutil.rmtree(self.folder)
        run([sys.executable, "-m", "venv", str(self.folder)])
        lines = [
            line
            for line in pins.read(self.group).splitlines()
            if line and not line.startswith("#")
        ]
        stamp = {**self.wanted(), "failed": self.put(lines)}
        text = json.dumps(stamp, indent=1) + "\n"
        (self.folder / STAMP).write_text(text, "utf-8")

    def put(self, lines: Sequence[str]) -> list[str]:
        """Install pins; return those that do not install here.

        All at once is quick. If that fails, one by one: what another peer
        needs shall not keep the rest away.
        """
        if self.installed(lines):
            return []
        failed = [line for line in lines if not self.installed([line])]
        if len(failed) == len(lines):
            raise WorkshopError(
                f"Nothing of requirements/{self.group}.txt could be"
                f" installed: go online, and run `{self.command}` again.",
                ENVIRONMENT,
            )
        return failed

    def installed(self, lines: Sequence[str]) -> bool:
        """Install pins and nothing else; return whether it worked."""
        file = self.folder / "wanted.txt"
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return run([*self.installer(), *sources(), "-r", str(file)]) == 0

    def installer(self) -> list[str]:
        """Return the command of uv, or else of pip.

        The pins are complete; what a package asks for itself is overridden
        in pyproject.toml, which pip does not read.
        """
        uv = shutil.which("uv")
        if uv:
            words = [uv, "pip", "install", "--python", str(self.python)]
            return [*words, "--quiet", "--no-deps"]
        words = [str(self.python), "-m", "pip", "install", "--no-input"]
        return [*words, "--disable-pip-version-check", "-q", "--no-deps"]


def sources(root: Path = ROOT) -> list[str]:
    """Return where packages come from, if not from the network."""
    folder = root / WHEELHOUSE
    if not folder.is_dir():
        return []
    return ["--no-index", "--find-links", str(folder)]


def clean(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables without those that lead an installer astray."""
    return {k: v for k, v in variables.items() if k not in ASTRAY}


def run(words: Iterable[str]) -> int:
    """Run an installer to its end; return its exit status."""
    return subprocess.run(
        list(words),
        env=clean(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode
