"""Build the archive that one brings to a room without a network.

Knows: git, mkdocs, zip files, the parts of an archive.
Does not know: how the site, the slides or a patch are made.

    pico-workshop-0.1.0-COMMIT.zip
        pico-workshop/start.py, steps/, ...   the sources of a commit
        pico-workshop/wheelhouse/             start.py installs from it
        pico-workshop/site/                   open site/index.html
        pico-workshop/talk/                   open talk/index.html
        pico-workshop/patches/01-02.patch     from one step to the next

The same commit and the same wheels give the same bytes: names are sorted,
each file has the date of the commit.
"""

import contextlib
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from workshop import diffs, talk, wheelhouse
from workshop.errors import ENVIRONMENT, FAIL, WorkshopError
from workshop.git import git, ran, reason
from workshop.steps import ROOT, all_steps
from workshop.verbs import START

NAME = "pico-workshop"
FOLDER = ROOT / "release"
STORED = {".whl", ".zip", ".gz", ".png"}  # compressed already
RUNNABLE = 0o755


@dataclass(frozen=True)
class File:
    """One file of the archive."""

    content: bytes
    mode: int = 0o644


Files = Mapping[str, File]  # by their paths in the archive


@dataclass(frozen=True)
class Archive:
    """What was built: where it is, and what is in it."""

    path: Path
    parts: Mapping[str, tuple[int, int]]  # name: how many files, bytes
    digest: str  # SHA-256


def build(folder: Path, targets: list[wheelhouse.Target]) -> Archive:
    """Build the archive of the commit that is checked out."""
    committed()
    stamp = int(git("log", "-1", "--format=%ct", root=ROOT))
    parts = {
        "sources": sources(),
        "wheelhouse": wheels(targets),
        "patches": patches(),
        "talk": slides(),
        "site": site(stamp),
    }
    path = folder / f"{NAME}-{number()}.zip"
    pack(path, parts, datetime.fromtimestamp(stamp, UTC))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Archive(path, sizes(parts), digest)


def number() -> str:
    """Return the version and the commit: `0.1.0-4f3708fa`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    commit = git("rev-parse", "--short=8", "HEAD", root=ROOT)
    return f"{project['project']['version']}-{commit}"


def sizes(parts: Mapping[str, Files]) -> dict[str, tuple[int, int]]:
    """Return how many files each part has, and how many bytes."""
    return {
        name: (len(files), sum(len(one.content) for one in files.values()))
        for name, files in parts.items()
    }


# The sources


def committed() -> None:
    """Raise WorkshopError if the files are not those of the commit."""
    done = ran("status", "--porcelain", root=ROOT)
    if done.returncode:
        raise WorkshopError(
            "A release is made from a commit, so it needs a clone of the"
            f" workshop: {reason(done)}.",
            ENVIRONMENT,
        )
    changed = done.stdout.decode("utf-8", "replace").splitlines()
    if changed:
        raise WorkshopError(
            f"Not all is as committed ({len(changed)} of the files), for"
            f" example {changed[0].split(maxsplit=1)[-1]}: commit it, or put"
            " it aside with `git stash -u`; a release is what a commit has.",
            FAIL,
        )


def sources() -> Files:
    """Return the files of the commit."""
    data = ran("archive", "--format=tar", "HEAD", root=ROOT).stdout
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if member.isfile() and content:
                mode = RUNNABLE if member.mode & 0o100 else File.mode
                found[member.name] = File(content.read(), mode)
    return found


# What is made from them


def wheels(targets: list[wheelhouse.Target]) -> Files:
    """Return the wheels of these targets; WorkshopError if one lacks."""
    groups = wheelhouse.RUNTIME
    wrong = wheelhouse.problems(targets, groups, wheelhouse.FOLDER)
    if wrong:
        raise WorkshopError(
            f"{wheelhouse.FOLDER.name}/ cannot be released: {wrong[0]}"
            f" `{START} wheelhouse --all` fills it.",
            FAIL,
        )
    return {
        f"wheelhouse/{path.name}": File(path.read_bytes())
        for path in wheelhouse.needed(targets, groups, wheelhouse.FOLDER)
    }


def patches() -> Files:
    """Return what changes between the steps, as `workshop diff` writes it."""
    found = {}
    for old, new in pairwise(all_steps()):
        shown, _ = diffs.staged(diffs.compare(old.folder, new.folder))
        text = "".join(f"{line}\n" for line in diffs.patch(shown))
        path = f"patches/{old.number}-{new.number}.patch"
        found[path] = File(text.encode("utf-8"))
    return found


def slides() -> Files:
    """Return the slides of the talk."""
    with tempfile.TemporaryDirectory() as place:
        talk.write(Path(place))
        return read(Path(place), "talk")


def site(stamp: int) -> Files:
    """Return the site, built with the date of the commit."""
    with tempfile.TemporaryDirectory() as place:
        done = mkdocs(Path(place), stamp)
        if done.returncode:
            last = done.stdout.strip().rpartition("\n")[2]
            raise WorkshopError(
                f"The site cannot be built ({last}): `{START} docs --build`"
                " says more.",
                FAIL,
            )
        return read(Path(place), "site")


def mkdocs(folder: Path, stamp: int) -> subprocess.CompletedProcess[str]:
    """Build the site in a folder, as if it were the time of the stamp."""
    date = {"SOURCE_DATE_EPOCH": str(stamp)}
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", **date},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def read(folder: Path, name: str) -> Files:
    """Return the files of a folder, under its name in the archive."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": File(
            path.read_bytes()
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


# The archive


def pack(path: Path, parts: Mapping[str, Files], date: datetime) -> None:
    """Write the archive; what was there stays until the new one is whole."""
    files = {k: one for part in parts.values() for k, one in part.items()}
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w") as archive:
            for name in sorted(files):
                add(archive, name, files[name], date)
        part.replace(path)
    except OSError as error:
        raise WorkshopError(
            f"{path} cannot be written ({error.strerror}): make room, or"
            " choose another folder with --out."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def add(
    archive: zipfile.ZipFile, name: str, file: File, date: datetime
) -> None:
    """Add a file as it would be added on any machine, at any time."""
    info = zipfile.ZipInfo(f"{NAME}/{name}", date.timetuple()[:6])
    info.create_system = 3  # Unix, so that modes are kept
    info.external_attr = (stat.S_IFREG | file.mode) << 16
    packed = Path(name).suffix in STORED
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    archive.writestr(info, file.content)
