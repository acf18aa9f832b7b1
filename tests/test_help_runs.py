"""What stands below the help of the verbs is typed, in a copy of the clone."""

import sys

import pytest
import typer

from workshop.cli import app
from workshop.errors import FAIL, PASS, USAGE
from workshop.examples import Scene, examples, judged
from workshop.linter import every

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console"
)
TOP = typer.main.get_command(app)
# `dev check --examples` types all. Here it is the first one of each verb, but
# for some that take longer than all others, and have tests of their own.
LONG = {"dev check", "dev release", "docs", "doctor", "ladder", "memory"}
LONG |= {"wheelhouse"}  # It needs a network.
VERBS = {" ".join(words) for words, _ in every(TOP)} - LONG
FIRST = [
    next(e for e in examples(TOP) if e.startswith(v)) for v in sorted(VERBS)
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("scene"))


@pytest.mark.parametrize("example", FIRST)
def test_example_runs(scene, example):
    assert scene.problem(example) == ""


# A program, and what is wrong with it as an example.
LEFT = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {0!r}])"
)
SLEEP = "import time; time.sleep(60)"
AFTER = f"{LEFT.format(SLEEP)}; import time; time.sleep(0.5)"
PROGRAMS = {
    "print('done')": "",
    "raise SystemExit(3)": "status 3: ",
    "1 / 0": "a traceback",
    AFTER: "1 of its processes are left",
    f"print('12% done', flush=True); {SLEEP}": "a traceback",
}


@pytest.mark.parametrize(("program", "said"), PROGRAMS.items())
def test_program_that_does_not_run_as_it_should_is_found(scene, program, said):
    found = scene.run([sys.executable, "-c", program])

    assert judged(found, PASS) == said


def test_example_that_does_not_end_is_ended(scene, monkeypatch):
    monkeypatch.setattr("workshop.examples.PATIENCE", 0.1)
    found = scene.run([sys.executable, "-c", SLEEP])

    assert judged(found, PASS) == "it did not end within 0.1 seconds"


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("diff 02 99", "status 2: There is no step '99'"),
        ("send nothing.http", "status 2: "),
        ("undo 99", "status 2: "),
    ],
)
def test_example_that_is_refused_is_found(scene, example, said):
    assert scene.problem(example).startswith(said)


def test_all_examples_are_told_in_a_line_each(monkeypatch, say):
    monkeypatch.setattr("workshop.examples.Scene", Told)
    status, out, _ = say("dev", "check", "--examples")

    assert status == FAIL
    assert len(out.splitlines()) == len([*examples(TOP)]) + 1
    assert "  PASS  python3 start.py begin\n" in out
    assert "  FAIL  python3 start.py undo 3: it failed\n" in out
    assert say("dev", "check", "02", "--examples")[0] == USAGE


class Told:
    """A scene in which one example fails."""

    def __init__(self, folder):
        assert folder.is_dir()

    def problem(self, example):
        return "it failed" if example == "undo 3" else ""
