"""What stands below the help of the verbs is typed, in a copy of the clone."""

import sys

import pytest
import typer

from workshop.cli import app
from workshop.examples import Scene, examples
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


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("diff 02 99", "status 2: There is no step '99'"),
        ("send nothing.http", "status 2: "),
        ("undo 99", "status 2: "),
    ],
)
def test_example_that_does_not_run_is_found(scene, example, said):
    assert scene.problem(example).startswith(said)
