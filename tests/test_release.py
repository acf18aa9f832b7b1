"""The release archive: what is in it, and that it is the same each time.

No network, and no site: a small repository stands for the clone.
"""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from workshop import release, talk, verbs, wheelhouse
from workshop.errors import ENVIRONMENT, FAIL, PASS, WorkshopError
from workshop.release import File
from workshop.steps import ROOT
from workshop.weaving import exchanges

WHEEL = "speck-1.0-py3-none-any.whl"
WHEN = "2026-05-04T03:02:00+00:00"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Let a small repository be the clone, with a wheel and a stubbed site."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "clone"
    (folder / "wheelhouse").mkdir(parents=True)
    (folder / "wheelhouse" / WHEEL).write_bytes(b"a wheel")
    (folder / "start.py").write_text("print('start')\n", "utf-8")
    (folder / "start.py").chmod(0o755)
    (folder / ".gitignore").write_text("wheelhouse/\n/release/\n", "utf-8")
    text = "[project]\nversion = '1.2.3'\n"
    (folder / "pyproject.toml").write_text(text, "utf-8")
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, WHEN)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "update-index", "--chmod=+x", "start.py")
    git(folder, "commit", "-q", "-m", "All")
    house = folder / "wheelhouse"
    monkeypatch.setattr(release, "ROOT", folder)
    monkeypatch.setattr(wheelhouse, "FOLDER", house)
    monkeypatch.setattr(wheelhouse, "problems", lambda *words: [])
    monkeypatch.setattr(wheelhouse, "needed", lambda *w: [house / WHEEL])
    for name in ("site", "talk"):
        made = {f"{name}/index.html": File(f"The {name}".encode())}
        method = "site" if name == "site" else "slides"
        monkeypatch.setattr(release, method, lambda *_, made=made: made)
    return folder


def git(folder, *words):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    who += ["-c", "commit.gpgsign=false", "-c", "core.hooksPath=none"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_archive_holds_all_parts_below_one_folder(tmp_path, clone):
    built = release.build(tmp_path / "out", [])
    inside = names(built.path)

    assert {name.split("/")[0] for name in inside} == {"pico-workshop"}
    for name in (
        "start.py",
        f"wheelhouse/{WHEEL}",
        "site/index.html",
        "talk/index.html",
        "patches/01-02.patch",
        "patches/04-05.patch",
    ):
        assert f"pico-workshop/{name}" in inside
    written = [clone / n for n in ("start.py", ".gitignore", "pyproject.toml")]
    size = sum(path.stat().st_size for path in written)
    assert built.parts["sources"] == (3, size)
    assert built.parts["wheelhouse"] == (1, len(b"a wheel"))


def test_archive_is_named_by_version_and_commit(tmp_path, clone):
    built = release.build(tmp_path / "out", [])

    commit = release.git("rev-parse", "HEAD", root=clone)[:8]
    assert built.path.name == f"pico-workshop-1.2.3-{commit}.zip"
    assert [p.name for p in built.path.parent.iterdir()] == [built.path.name]


def test_same_commit_gives_the_same_bytes(tmp_path, clone):
    first = release.build(tmp_path / "first", [])
    os.utime(clone / "start.py", (0, 0))
    os.utime(clone / "wheelhouse" / WHEEL, (10**9, 10**9))
    second = release.build(tmp_path / "second", [])

    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.digest == second.digest


def test_files_are_sorted_dated_by_the_commit_and_runnable(tmp_path, clone):
    built = release.build(tmp_path / "out", [])

    with zipfile.ZipFile(built.path) as archive:
        found = archive.infolist()
    paths = [one.filename for one in found]
    modes = {one.filename: one.external_attr >> 16 & 0o777 for one in found}
    assert paths == sorted(paths)
    assert {one.date_time for one in found} == {(2026, 5, 4, 3, 2, 0)}
    assert modes["pico-workshop/start.py"] == 0o755
    assert modes["pico-workshop/pyproject.toml"] == 0o644


def test_slides_are_those_of_the_talk(tmp_path):
    page = talk.write(tmp_path / "slides")
    found = release.slides()

    assert found["talk/index.html"].content == page.read_bytes()
    assert sorted(found) == sorted(
        f"talk/{path.name}" for path in page.parent.iterdir()
    )


def test_patches_are_what_diff_writes_to_a_file():
    found = release.patches()

    assert list(found) == [f"patches/0{n}-0{n + 1}.patch" for n in range(1, 5)]
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "diff", "02", "03"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert found["patches/02-03.patch"].content == done.stdout.replace(
        b"\r\n", b"\n"
    )


def test_what_is_not_committed_is_refused(tmp_path, clone):
    (clone / "start.py").write_text("print('other')\n", "utf-8")

    with pytest.raises(WorkshopError, match=r"start\.py: commit") as caught:
        release.build(tmp_path / "out", [])
    assert caught.value.status == FAIL
    assert not (tmp_path / "out").exists()


def test_wheelhouse_that_lacks_something_is_refused(
    tmp_path, clone, monkeypatch
):
    said = ["Linux x86_64, Python 3.12 lacks uvloop."]
    monkeypatch.setattr(wheelhouse, "problems", lambda *words: said)

    with pytest.raises(WorkshopError, match="lacks uvloop") as caught:
        release.build(tmp_path / "out", [])
    assert caught.value.status == FAIL


def test_folder_that_is_no_clone_is_told(tmp_path, clone):
    shutil.rmtree(clone / ".git")

    with pytest.raises(WorkshopError, match="needs a clone") as caught:
        release.build(tmp_path / "out", [])
    assert caught.value.status == ENVIRONMENT


def test_archive_that_cannot_be_written_leaves_the_old_one(
    tmp_path, clone, monkeypatch
):
    built = release.build(tmp_path / "out", [])
    before = built.path.read_bytes()

    def full(*words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(release, "add", full)
    with pytest.raises(WorkshopError, match="No space left"):
        release.build(tmp_path / "out", [])

    assert built.path.read_bytes() == before
    assert [p.name for p in built.path.parent.iterdir()] == [built.path.name]


def test_verb_says_what_is_in_the_archive(say, tmp_path, clone, monkeypatch):
    monkeypatch.setattr(verbs, "need", lambda package: None)
    monkeypatch.setattr(wheelhouse, "fill", lambda *words: [])

    status, out, _ = say("dev", "release", "--out", tmp_path / "out")

    assert status == PASS
    for word in ("sources", "wheelhouse", "patches", "talk", "site"):
        assert word in out.split()
    assert "SHA-256: " in out


def test_site_of_a_release_has_the_date_of_its_commit(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")

    shown = exchanges.exchange("03", r"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert "< date: Thu, 01 Jan 1970 00:00:00 GMT" in shown
