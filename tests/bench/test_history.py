"""The history over commits, and the workflow that compares two of them."""

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from workshop.bench import budgets, workloads
from workshop.history.benchmarks import cost
from workshop.steps import ROOT, entered
from workshop.steps import find as step

HISTORY = ROOT / "workshop" / "history"
CONFIG = json.loads((HISTORY / "asv.conf.json").read_text("utf-8"))
COMPARE = yaml.safe_load((ROOT / ".github/workflows/compare.yml").read_text())
STEPS = COMPARE["jobs"]["compare"]["steps"]


@pytest.fixture
def checked_out(tmp_path, monkeypatch):
    """Let asv have checked out what is here now."""
    (tmp_path / "project" / "steps").mkdir(parents=True)
    folder = step("05").folder
    there = tmp_path / "project" / "steps" / folder.name
    leave = shutil.ignore_patterns("experiments", "__pycache__")
    shutil.copytree(folder, there, ignore=leave)
    monkeypatch.setenv("ASV_ENV_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return there


def test_configuration_names_what_is_there():
    assert (HISTORY / CONFIG["repo"]).resolve() == ROOT
    assert (HISTORY / CONFIG["benchmark_dir"] / "__init__.py").is_file()
    assert [f".{path.stem}" for path in HISTORY.glob("h*.py")] == CONFIG[
        "plugins"
    ]
    ignored = (ROOT / ".gitignore").read_text().split()
    for key in ("env_dir", "results_dir", "html_dir"):
        place = (HISTORY / CONFIG[key]).resolve().relative_to(ROOT)
        assert f"{place.parts[0]}/" in ignored


def test_requests_are_those_of_compare():
    arms = workloads.arms(step("05").folder, "05")

    assert [arm.case.name for arm in arms] == cost.REQUESTS


def test_counts_are_those_of_compare(checked_out):
    counts = cost.Counts()
    counts.setup("position")
    found = workloads.counted(workloads.arms(checked_out, "05")[2])

    assert counts.track_bytecodes("position") == found["bytecodes"]
    assert counts.track_python_calls("position") == found["python_calls"]
    assert counts.track_c_calls("position") == found["c_calls"]
    assert cost.Counts.track_python_calls.unit == "python calls"


@pytest.mark.parametrize("request_name", cost.REQUESTS)
def test_what_is_timed_is_answered(checked_out, request_name):
    timed = cost.Time()
    with entered(checked_out):
        timed.setup(request_name)
        try:
            timed.time_request(request_name)
        finally:
            timed.teardown(request_name)

    assert timed.answer.startswith(b"HTTP/1.1 20")


def test_a_commit_without_the_step_is_passed_over(checked_out):
    shutil.rmtree(checked_out)

    with pytest.raises(NotImplementedError):
        cost.Counts().setup("hello")


# The workflow


def command():
    """Return the words that the workflow hands to the workshop."""
    (run,) = [s["run"] for s in STEPS if "start.py" in s.get("run", "")]
    return shlex.split(run)


def test_workflow_compares_the_base_with_the_change():
    words = command()

    assert words[:4] == ["python3", "start.py", "bench", "compare"]
    assert words[4:6] == ["$BASE", "HEAD"]
    options = {word for word in words if word.startswith("--")}
    cli = (ROOT / "workshop" / "cli.py").read_text("utf-8")
    for option in options:
        assert re.search(rf"\b{option.lstrip('-')}: ", cli)


def test_workflow_has_both_revisions_and_the_python_of_the_budget():
    recorded = json.loads(budgets.PATH.read_text("utf-8"))["python"]
    given = [step.get("with", {}) for step in STEPS]

    assert given[0]["fetch-depth"] == 0
    assert given[1]["python-version"] == recorded


def test_workflow_tells_also_what_failed():
    written = command()[command().index("--markdown") + 1]
    telling = [s for s in STEPS if written in s.get("run", "")][1:]

    assert len(telling) == 2
    assert all(s["if"].startswith("always()") for s in telling)
    assert COMPARE["permissions"] == {
        "contents": "read",
        "pull-requests": "write",
    }


def test_paths_of_the_workflow_are_there():
    paths = COMPARE[True]["pull_request"]["paths"]  # YAML: `on` is true

    for path in paths:
        assert (ROOT / Path(path.removesuffix("/**"))).exists()
