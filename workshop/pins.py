"""Pin what pyproject.toml asks for, for each system and each Python.

Knows: the groups of requirements, uv, which systems and Pythons we support.
Does not know: how pins are installed (start.py does).

`python -m workshop.pins` writes `requirements/*.txt`: plain lines with
markers, no address and no hash, so that any index or folder can serve them.
It needs uv on the path (`pip install uv`). `--upgrade` takes newer releases;
without it, pins stay where they are unless pyproject.toml moves them.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop.errors import ENVIRONMENT, FAIL, WorkshopError
from workshop.steps import ROOT

GROUPS = ("runtime", "test", "notebooks", "docs")
APART = ("peers",)  # each in an environment of its own, without ours
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
HEADING = """\
# {group}: made from pyproject.toml by `python -m workshop.pins`.
# Any change belongs there.
"""
PLAIN = (
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
)


def folder(root: Path = ROOT) -> Path:
    """Return where the pins live."""
    return root / "requirements"


def uv(*words: str) -> str:
    """Run `uv pip compile` in the clone and return what it printed."""
    program = shutil.which("uv")
    if program is None:
        raise WorkshopError(
            "Pins are made by uv and it was not found: run `pip install uv`, "
            "then `python -m workshop.pins` again.",
            ENVIRONMENT,
        )
    done = subprocess.run(
        [program, "pip", "compile", "--quiet", *PLAIN, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WorkshopError(f"uv found no pins:\n{done.stderr}", FAIL)
    return done.stdout


def universal(*groups: str, known: str) -> str:
    """Resolve the runtime and some groups for all systems and Pythons.

    uv keeps the versions that it finds in the file it is to write.
    """
    chosen = [word for group in groups for word in ("--group", group)]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "pins.txt"
        path.write_text(known, "utf-8")
        uv(
            "pyproject.toml",
            "--all-extras",
            *chosen,
            "--universal",
            f"--python-version={PYTHONS[0]}",
            f"--output-file={path}",
        )
        return path.read_text("utf-8")


def alone(group: str, known: str) -> str:
    """Resolve a group that has its environment to itself."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "pins.txt"
        path.write_text(known, "utf-8")
        uv(
            f"--group={group}",
            "--universal",
            f"--python-version={PYTHONS[0]}",
            f"--output-file={path}",
        )
        return path.read_text("utf-8")


def make(upgrade: bool = False) -> dict[str, str]:
    """Return the text of each group's file.

    All groups are resolved together first: what two of them need has one
    version, so that they can be installed one after the other.
    """
    old = "" if upgrade else "\n".join(read(group) for group in GROUPS)
    together = universal(*GROUPS[1:], known=old)
    texts = {"runtime": universal(known=together)}
    runtime = set(texts["runtime"].splitlines(keepends=True))
    for group in GROUPS[1:]:
        own = universal(group, known=together).splitlines(keepends=True)
        texts[group] = "".join(line for line in own if line not in runtime)
    for group in APART:
        texts[group] = alone(group, "" if upgrade else read(group))
    return {
        group: HEADING.format(group=group.capitalize()) + text
        for group, text in texts.items()
    }


def read(group: str) -> str:
    """Return the pins of a group as they are now, or nothing."""
    path = folder() / f"{group}.txt"
    return path.read_text("utf-8") if path.is_file() else ""


def check_wheels() -> None:
    """Fail if something is not pinned, or would have to be built.

    On each system and Python of ours, with the wheels that it can install.
    """
    files = [str(folder() / f"{group}.txt") for group in GROUPS]
    for system in SYSTEMS:
        for python in PYTHONS:
            here = (
                f"--python-platform={system}",
                f"--python-version={python}",
            )
            needed = uv(*files, *here, "--only-binary=:all:").splitlines()
            pinned = uv(*files, *here, "--no-deps").splitlines()
            loose = ", ".join(sorted(set(needed) - set(pinned)))
            if loose:
                raise WorkshopError(
                    f"On {system} with Python {python} the pins need {loose}, "
                    "too: let `python -m workshop.pins` write them again.",
                    FAIL,
                )
            print(f"wheels for {system}, Python {python}: all there")


def main(words: list[str]) -> int:
    """Write the pins; then make sure that each has a wheel."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pins", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest releases"
    )
    chosen = parser.parse_args(words)
    try:
        for group, text in make(chosen.upgrade).items():
            path = folder() / f"{group}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8", newline="\n")
            pins = sum(not line.startswith("#") for line in text.splitlines())
            print(f"requirements/{path.name}: {pins} pins")
        check_wheels()
    except WorkshopError as error:
        print(error, file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
