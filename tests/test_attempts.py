"""Typical wrong answers, each with the one explanation that it gets.

A file `tests/attempts/NN_word/NAME.toml` edits the solution of a step:

    promise = "test_..."   the one that is broken; or row = 16, of the wire
    cause, place           what `check` says of it
    [[edit]]               file, old, new: text that stands there once

WORKSHOP_RECORD=1 writes cause and place as they are now: read the diff.
"""

import functools
import json
import os
import re
import shutil
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workshop import verdict, wire
from workshop.steps import all_steps, find

FOLDER = Path(__file__).with_name("attempts")
ATTEMPTS = sorted(FOLDER.glob("*/*.toml"))


def attempted(path, tmp_path):
    """Return a folder with the wrong answer in it."""
    data = tomllib.loads(path.read_text("utf-8"))
    folder = tmp_path / "work"
    source = find(path.parent.name).folder
    shutil.copytree(
        source, folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    for edit in data["edit"]:
        target = folder / edit["file"]
        text = target.read_text("utf-8")
        assert text.count(edit["old"]) == 1, edit
        fresh = text.replace(edit["old"], edit["new"])
        target.write_text(fresh, "utf-8", newline="\n")
    return folder, data


@functools.cache
def node(name):
    """Return where a promise is kept: file::test."""
    for step in all_steps():
        for path in step.folder.glob("test_*.py"):
            if re.search(rf"def {name}\(", path.read_text("utf-8")):
                return f"{path}::{name}"
    raise LookupError(name)


def explained(path, tmp_path):
    """Return what `check` says of a wrong answer, and the folder."""
    folder, data = attempted(path, tmp_path)
    step = find(path.parent.name)
    if "row" in data:
        row = next(r for r in wire.rows() if r.number == data["row"])
        return verdict.of_row(folder, step, row), data, folder
    found = verdict.promises(folder, step, [node(data["promise"])])
    return found.explanation, data, folder


@pytest.fixture(scope="module")
def explanations(request, tmp_path_factory):
    """Return what is said of each wrong answer that is asked for.

    Many of them only wait for an answer that never comes: all at once.
    """
    mine = [i for i in request.session.items if i.path == request.path]
    paths = [
        i.callspec.params["path"]
        for i in mine
        if "explanations" in i.fixturenames
    ]
    with ThreadPoolExecutor(4) as pool:
        return {
            path: pool.submit(explained, path, tmp_path_factory.mktemp("a"))
            for path in paths
        }


def same_on_each_python(cause):
    """Return a cause without what depends on the version of Python."""
    cause = re.sub(r"\. Did you mean: '\w+'\?", "", cause)
    return re.sub(r"\d+ bytecodes|(?<=fewer than )\d+", "N", cause)


def record(path, cause, place):
    text = path.read_text("utf-8")
    for name, value in (("cause", cause), ("place", place)):
        line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        text = re.sub(rf"^{name} = .*$", lambda _, x=line: x, text, flags=re.M)
    path.write_text(text, "utf-8", newline="\n")


@pytest.mark.parametrize(
    "path", ATTEMPTS, ids=[f"{p.parent.name[:2]}-{p.stem}" for p in ATTEMPTS]
)
def test_wrong_answer_gets_the_one_explanation(path, explanations):
    explanation, data, folder = explanations[path].result()

    assert explanation is not None, "the wrong answer keeps its promise"
    place, cause = (
        text.replace(f"{folder}{os.sep}", "work/")
        for text in (explanation.place, explanation.cause)
    )
    if os.environ.get("WORKSHOP_RECORD"):
        record(path, cause, place)
        print("\n".join(explanation.lines()))
        return
    said = same_on_each_python(cause)
    assert said == same_on_each_python(data["cause"])
    assert place == data["place"]
    lines = explanation.lines()
    assert len(lines) <= 23
    # A path of a folder for tests is longer than `work`.
    assert max(map(len, lines)) <= 80 + len(str(folder)) - len("work")


@pytest.mark.parametrize("step", all_steps(), ids=lambda step: step.number)
def test_each_step_has_four_wrong_answers(step):
    assert len([p for p in ATTEMPTS if p.parent.name == step.name]) >= 4
