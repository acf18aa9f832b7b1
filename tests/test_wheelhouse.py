"""The folder of wheels: what a target needs, how pip is asked, what lacks.

No network: pip finds tiny wheels, made here, in a folder.
"""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.tags import sys_tags

from workshop import pins, wheelhouse
from workshop.errors import ENVIRONMENT, FAIL, PASS, USAGE, WorkshopError

SPECK = "speck-1.0-py3-none-any.whl"
NOWHERE = "http://127.0.0.1:9/simple"  # Nobody listens on port 9.
EVERY = wheelhouse.every_system()
LINUX, MACOS, WINDOWS = (
    next(t for t in EVERY if (t.system, t.python) == (system, "3.12"))
    for system in ("Linux", "macOS", "Windows")
)
PINS = """\
# Pins.
speck==1.0
mote==2.0 ; sys_platform != 'win32'
grain==3.0 ; sys_platform == 'win32' and python_version < '3.13'
"""
TAGS = {
    "speck-1.0": ["py3-none-any"],
    "mote-2.0": [
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-cp312-macosx_10_13_universal2",
    ],
    "grain-3.0": ["cp39-abi3-win_amd64"],
}


def make(folder, release, tag):
    """Write a wheel of one module."""
    name, version = release.split("-")
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "Requires-Dist: nothing\n"  # The pins name all there is.
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        f"Root-Is-Purelib: false\nTag: {tag}\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files)
    folder.mkdir(exist_ok=True)
    path = folder / f"{release}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
    return path


@pytest.fixture
def stall(tmp_path, monkeypatch):
    """Let pip find wheels in a folder alone, for pins of our own."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "runtime.txt").write_text(PINS, "utf-8")
    monkeypatch.setattr(pins, "folder", lambda: requirements)
    folder = tmp_path / "stall"
    for release, tags in TAGS.items():
        for tag in tags:
            make(folder, release, tag)
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def quick(stall, monkeypatch):
    """Let a few lines stand for pip, which takes its time to start."""

    def download(target, lines, place):
        known = wheelhouse.wheels(stall)
        for line in lines:
            pin = Requirement(line)
            found = [wheel for wheel in known if wheel.fits(pin, target)]
            if not found:
                said = f"ERROR: No matching distribution found for {line}\n"
                return subprocess.CompletedProcess([], 1, said)
            shutil.copy(found[0].path, place)
        return subprocess.CompletedProcess([], 0, "")

    monkeypatch.setattr(wheelhouse, "pip_download", download)
    return stall


def fill(folder, *targets):
    """Fill a folder; return what lacks, what is there, what was said."""
    said = []
    missing = wheelhouse.fill(targets, ["runtime"], folder, said.append)
    return missing, names(folder), said


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# What a target needs


def test_targets_are_three_systems_and_four_pythons():
    assert len({target.name for target in EVERY}) == 20
    assert {target.system for target in EVERY} == {"Linux", "macOS", "Windows"}
    assert {target.python for target in EVERY} == set(pins.PYTHONS)


def test_this_system_has_the_tags_of_this_python():
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    (target,) = [t for t in wheelhouse.this_system() if t.python == here]

    own = [tag for tag in sys_tags() if tag.interpreter.startswith("cp")]
    assert wheelhouse.tags(target).issuperset(own)


def test_markers_are_those_of_the_target_not_of_this_machine():
    needed = {
        target.system: {
            pin.name for pin in wheelhouse.wanted(target, ["runtime"])
        }
        for target in (LINUX, MACOS, WINDOWS)
    }

    assert needed["Linux"] - needed["Windows"] == {"uvloop"}
    assert needed["Windows"] - needed["Linux"] == {"colorama"}
    assert needed["macOS"] == needed["Linux"]


def test_markers_of_a_python(stall):
    last = next(
        t for t in EVERY if (t.system, t.python) == ("Windows", "3.14")
    )

    assert [p.name for p in wheelhouse.wanted(WINDOWS, ["runtime"])] == [
        *("speck", "grain")
    ]
    assert [p.name for p in wheelhouse.wanted(last, ["runtime"])] == ["speck"]


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", "Linux macOS Windows"),
        ("cp312-cp312-manylinux_2_17_x86_64", "Linux"),
        ("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", "Linux"),
        ("cp312-cp312-manylinux_2_39_x86_64", ""),
        ("cp312-cp312-manylinux_2_17_aarch64", ""),
        ("cp312-cp312-musllinux_1_2_x86_64", ""),
        ("cp312-cp312-macosx_10_13_universal2", "macOS"),
        ("cp312-cp312-macosx_14_0_x86_64", ""),
        ("cp39-abi3-win_amd64", "Windows"),
        ("cp312-cp312-win32", ""),
        ("cp313-cp313-win_amd64", ""),
    ],
)
def test_wheel_fits_the_systems_of_its_tags(tmp_path, stall, tag, fits):
    make(tmp_path / "one", "speck-1.0", tag)
    (wheel,) = wheelhouse.wheels(tmp_path / "one")
    pin = wheelhouse.wanted(LINUX, ["runtime"])[0]

    found = [t.system for t in (LINUX, MACOS, WINDOWS) if wheel.fits(pin, t)]
    assert found == fits.split()


def test_wheel_of_another_release_does_not_serve(tmp_path, stall):
    make(tmp_path / "one", "speck-1.1", "py3-none-any")
    known = wheelhouse.wheels(tmp_path / "one")

    lacks = wheelhouse.lacking(LINUX, ["runtime"], known)
    assert [pin.name for pin in lacks] == ["speck", "mote"]


# Filling the folder


def test_folder_gets_what_each_target_needs(tmp_path, stall):
    missing, there, said = fill(tmp_path / "house", LINUX, MACOS, WINDOWS)

    assert missing == []
    assert there == names(stall)
    assert said == [
        "1/3 Linux x86_64, Python 3.12: 2 wheels, fetching 2.",
        "2/3 macOS x86_64, Python 3.12: 2 wheels, fetching 1.",
        "3/3 Windows AMD64, Python 3.12: 2 wheels, fetching 1.",
    ]


def test_folder_gets_nothing_for_others(tmp_path, quick):
    _, there, _ = fill(tmp_path / "house", WINDOWS)

    assert there == ["grain-3.0-cp39-abi3-win_amd64.whl", SPECK]


def test_what_is_there_is_not_fetched_again(tmp_path, quick, monkeypatch):
    fill(tmp_path / "house", LINUX)
    shutil.rmtree(quick)
    missing, there, said = fill(tmp_path / "house", LINUX)

    assert (missing, len(there)) == ([], 2)
    assert said == ["1/1 Linux x86_64, Python 3.12: 2 wheels, all there."]


def test_what_has_no_wheel_is_named_and_the_rest_kept(tmp_path, stall):
    for path in stall.glob("mote-*macosx*"):
        path.unlink()
    missing, there, _ = fill(tmp_path / "house", MACOS, WINDOWS)

    assert missing == ["mote==2.0 for macOS x86_64, Python 3.12"]
    assert there == ["grain-3.0-cp39-abi3-win_amd64.whl", SPECK]


def test_all_that_lacks_is_named(tmp_path, quick):
    for path in quick.glob("*.whl"):
        path.unlink()
    missing, there, _ = fill(tmp_path / "house", LINUX)

    assert [one.split()[0] for one in missing] == ["speck==1.0", "mote==2.0"]
    assert there == []


def test_interrupted_download_leaves_no_half_file(
    tmp_path, quick, monkeypatch
):
    house = tmp_path / "house"

    def interrupted(target, lines, place):
        (place / SPECK).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wheelhouse, "pip_download", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fill(house, LINUX)

    assert names(house) == []
    assert fill(house, LINUX)[0] == []


def test_killed_download_is_cleared_away(tmp_path, quick):
    half = tmp_path / "house" / ".part-1" / SPECK
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")

    _, there, _ = fill(tmp_path / "house", LINUX)
    assert ".part-1" not in there


def test_no_network_is_told(tmp_path, stall, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)

    with pytest.raises(WorkshopError, match="no network") as caught:
        fill(tmp_path / "house", LINUX)
    assert caught.value.status == ENVIRONMENT


def test_other_trouble_of_pip_is_told(tmp_path, stall, monkeypatch):
    def failed(target, lines, place):
        return subprocess.CompletedProcess([], 1, "one\nERROR: disk full\n")

    monkeypatch.setattr(wheelhouse, "pip_download", failed)
    with pytest.raises(WorkshopError, match="disk full") as caught:
        fill(tmp_path / "house", LINUX)
    assert caught.value.status == FAIL


def test_python_without_pip_is_told(monkeypatch):
    monkeypatch.setattr(wheelhouse.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(
        wheelhouse.subprocess,
        "run",
        lambda *words, **more: subprocess.CompletedProcess([], 1),
    )

    with pytest.raises(WorkshopError, match="install pip") as caught:
        wheelhouse.pip()
    assert caught.value.status == ENVIRONMENT


# The verb


def test_verb_fills_tells_the_size_and_how_to_use_it(
    tmp_path, quick, say, monkeypatch
):
    monkeypatch.setattr(wheelhouse, "this_system", lambda: [LINUX])
    status, out, err = say("wheelhouse", "--out", tmp_path / "house")

    assert (status, err) == (PASS, "")
    said = " ".join(out.split())
    assert "2 wheels, 0.0 MB" in said
    assert "beside start.py" in said


def test_verb_fails_where_a_wheel_lacks(tmp_path, quick, say, monkeypatch):
    monkeypatch.setattr(wheelhouse, "every_system", lambda: [LINUX, MACOS])
    for path in quick.glob("mote-*macosx*"):
        path.unlink()
    status, _, err = say("wheelhouse", "--all", "--out", tmp_path / "house")

    assert status == FAIL
    assert "mote==2.0 for macOS x86_64, Python 3.12" in err
    assert len(names(tmp_path / "house")) == 2


def test_check_fetches_nothing_and_names_what_is_wrong(
    tmp_path, quick, say, monkeypatch
):
    monkeypatch.setattr(wheelhouse, "this_system", lambda: [LINUX])
    house = tmp_path / "house"
    house.mkdir()
    (house / SPECK).write_bytes(b"half")
    check = ("wheelhouse", "--check", "--out", house)
    status, _, err = say(*check)

    assert status == FAIL
    assert f"{SPECK} is not whole" in err
    assert "Linux x86_64, Python 3.12 lacks mote." in err
    assert names(house) == [SPECK]

    _, _, said = fill(house, LINUX)
    status, out, err = say(*check)
    assert said[0] == f"{SPECK} is not whole: it is fetched anew."
    assert (status, err) == (PASS, "")
    assert "Nothing is missing." in " ".join(out.split())


def test_wheel_with_a_flipped_byte_is_not_whole(tmp_path):
    path = tmp_path / SPECK
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("speck.py", "x = 1\n" * 100)
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF  # Of the compressed content.
    path.write_bytes(data)

    assert wheelhouse.damaged(tmp_path) == [path]


def test_folder_that_cannot_be_made_is_told(tmp_path, say):
    (tmp_path / "file").write_text("", "utf-8")
    status, _, err = say("wheelhouse", "--out", tmp_path / "file" / "house")

    assert status == USAGE
    assert "choose another with --out" in err
