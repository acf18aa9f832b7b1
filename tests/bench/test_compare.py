"""Two revisions: checked out, compared, told, and nothing left behind."""

import functools
import io
import json
import os
import shutil
import subprocess

import pytest
from rich.console import Console

from workshop.bench import budgets, comment, revisions, workloads
from workshop.bench.experiment import find, lab
from workshop.bench.revisions import Revision, checked_out
from workshop.bench.study import Options, conduct
from workshop.errors import ENVIRONMENT, USAGE, WorkshopError
from workshop.steps import find as step
from workshop.verbs import START

COMPARE = find("compare")
DEAR = '{"message": "".join(["Hello ", str(name)])}'


def git(folder, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *who, *words],
        cwd=folder,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def commit(folder, message):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


@pytest.fixture(scope="module")
def cloned(tmp_path_factory):
    """Return a clone with step 05, and another commit that made it dearer."""
    root = tmp_path_factory.mktemp("clone")
    source = step("05").folder
    own = root / "steps" / source.name
    leave = shutil.ignore_patterns("test_*", "experiments", "__pycache__")
    shutil.copytree(source, own, ignore=leave)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "first")
    git(root, "tag", "first")
    app = own / "app.py"
    text = app.read_text("utf-8")
    assert '{"message": f"Hello {name}"}' in text
    app.write_text(text.replace('{"message": f"Hello {name}"}', DEAR), "utf-8")
    commit(root, "dearer")
    return root


@pytest.fixture
def clone(cloned):
    """Return it; whoever changed it or left a worktree there is told."""
    yield cloned
    assert len(git(cloned, "worktree", "list").splitlines()) == 1
    git(cloned, "checkout", "--quiet", "--", ".")


# Revisions


def test_both_are_there_and_then_they_are_not(clone):
    with checked_out(("first", "main"), root=clone) as (a, b):
        texts = [
            (each.step("05") / "app.py").read_text("utf-8") for each in (a, b)
        ]
        folders = [a.folder, b.folder]
        assert len(git(clone, "worktree", "list").splitlines()) == 3

    assert [DEAR in text for text in texts] == [False, True]
    assert [a.name, b.name] == ["first", "main"]
    assert git(clone, "rev-parse", "first").startswith(a.commit)
    assert [folder.exists() for folder in folders] == [False, False]


def test_a_long_hash_is_told_in_short(clone):
    whole = git(clone, "rev-parse", "first").strip()
    with checked_out((whole, "main"), root=clone) as (a, b):
        assert (a.name, b.name) == (a.commit, "main")
        assert len(a.name) < 40


def test_ctrl_c_leaves_no_worktree(clone):
    with (
        pytest.raises(KeyboardInterrupt),
        checked_out(("first", "main"), root=clone) as (a, _),
    ):
        raise KeyboardInterrupt

    assert not a.folder.exists()


def test_ctrl_c_while_a_worktree_is_made(clone, monkeypatch):
    real = revisions.git

    def interrupted(*words, **options):
        said = real(*words, **options)
        if words[:2] == ("worktree", "add"):
            raise KeyboardInterrupt
        return said

    monkeypatch.setattr(revisions, "git", interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        checked_out(("first", "main"), root=clone),
    ):
        pass


def test_worktree_is_the_files_as_they_are(clone):
    (clone / "steps" / "05_benchmarks" / "app.py").write_text("changed = 1\n")
    with checked_out((), root=clone) as (a, b):
        text = (b.step("05") / "app.py").read_text("utf-8")

        assert (a.name, b.name) == ("HEAD", "the working tree")
        assert text == "changed = 1\n"
        assert b.folder == clone
        assert DEAR in (a.step("05") / "app.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "worktree", "meaning"),
    [
        ((), False, ("HEAD", None)),
        ((), True, ("HEAD", None)),
        (("first",), True, ("first", None)),
        (("first",), False, ("first", "HEAD")),
        (("first", "main"), False, ("first", "main")),
    ],
)
def test_what_words_mean(clone, words, worktree, meaning):
    assert revisions.meant(words, worktree, clone) == meaning


@pytest.mark.parametrize(
    ("words", "worktree", "text"),
    [
        (("first", "nope"), False, "no revision 'nope'"),
        (("--help",), True, "no revision '--help'"),
        (("first", "main", "main"), False, "Two revisions are compared"),
        (("first", "main"), True, "Two revisions are compared"),
    ],
)
def test_words_that_mean_nothing(clone, words, worktree, text):
    with (
        pytest.raises(WorkshopError, match=text) as caught,
        checked_out(words, worktree, clone),
    ):
        pass

    assert caught.value.status == USAGE


def test_head_does_not_know_what_has_changed_since(clone):
    (clone / "steps" / "05_benchmarks" / "app.py").write_text("changed = 1\n")

    with pytest.raises(WorkshopError, match="--worktree") as caught:
        revisions.meant(("first",), False, clone)

    assert caught.value.status == USAGE


def test_a_folder_that_is_no_clone(tmp_path):
    with pytest.raises(WorkshopError, match="no git clone") as caught:
        revisions.needs_clone(tmp_path)

    assert caught.value.status == ENVIRONMENT


def test_a_machine_without_git(clone, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkshopError, match="git was not found") as caught:
        revisions.needs_clone(clone)
    monkeypatch.undo()

    assert caught.value.status == ENVIRONMENT


def test_a_revision_without_the_step(tmp_path):
    with pytest.raises(WorkshopError, match="main has no step 05") as caught:
        Revision("main", "1a2b3c4", tmp_path).step("05")

    assert caught.value.status == USAGE


# The experiment


@pytest.fixture
def compared(clone, monkeypatch, tmp_path, validate_study):
    """Return a function that compares for as short as can be."""
    experiment = find("compare")
    there = functools.partial(checked_out, root=clone)
    monkeypatch.setattr(experiment, "checked_out", there)

    def run(*words):
        paper = Console(file=io.StringIO(), width=120)
        options = Options(
            quick=True,
            json=tmp_path / "out.json",
            svg=tmp_path / "out.svg",
            markdown=tmp_path / "out.md",
            rounds=1,
            words=words,
        )
        status = conduct(lab("compare", options, experiment, paper))
        result = json.loads(options.json.read_text("utf-8"))
        validate_study(result)
        said = options.markdown.read_text("utf-8")
        return status, result, paper.file.getvalue(), said

    return run


@pytest.fixture
def strict(monkeypatch):
    """Let the budget be what step 05 costs now, on this Python."""
    now = {
        arm.case.name: workloads.counted(arm)
        for arm in workloads.arms(step("05").folder, "05")
    }
    monkeypatch.setattr(budgets, "budget", lambda number, name: now[name])


def test_counts_beyond_the_budget_fail(compared, strict):
    status, result, text, said = compared("first", "main")
    hello, browser, position = result["points"]

    assert status == 1
    assert (result["complete"], result["valid"]) == (True, True)
    assert "a request, " in hello["beyond"]
    assert (bool(browser["beyond"]), position["beyond"]) == (True, None)
    assert "BEYOND: hello: " in text
    assert "**Beyond: hello: " in said
    assert hello["trial"]["verdict"] == "unclear"  # one round says nothing
    assert (browser["trial"], position["trial"]) == (None, None)
    assert {len(arm) for arm in hello["samples"].values()} == {1}


def test_counts_that_fall_pass(compared, strict):
    status, result, _, said = compared("main", "first")
    hello = result["points"][0]

    assert status == 0
    assert (
        hello["counts"]["b"]["bytecodes"] < hello["counts"]["a"]["bytecodes"]
    )
    assert "Exact counts are within their budget." in said
    assert said.startswith(comment.MARK + "\n### Step 05: B = `first` (")
    assert "- Exact counts changed: hello bytecodes -" in said
    assert "**unclear**" in said
    assert f"`{START} bench compare main first --quick`" in said


# What is said


def point(name="hello", a=10, b=10, beyond=None, word="same", budget=True):
    """Return a request as the experiment keeps it."""
    ours, theirs = (dict.fromkeys(workloads.WORDS, n) for n in (a, b))
    spread = {"median": 1.0, "low": 0.9, "high": 1.1, "confidence": 0.99}
    return {
        "name": name,
        "wrong": None,
        "beyond": beyond,
        "counts": {"a": ours, "b": theirs, "budget": ours if budget else None},
        "cpu_us": {"a": spread, "b": spread},
        "trial": {"ratio": spread, "verdict": word, "smallest": 0.021},
        "samples": {},
    }


def result_of(*points, same=False):
    sides = {
        side: {"name": name, "commit": "c0ffee", "hash": "x" if same else side}
        for side, name in (("a", "main"), ("b", "mine"))
    }
    return {
        "plan": {"rounds": 8, "seconds": 0.1, "step": "05", **sides},
        "points": list(points),
    }


def test_sentences_tell_the_verdict_and_the_counts():
    said = COMPARE.sentences(result_of(point(b=12, word="slower")))

    assert said[0].startswith("hello: slower. B (mine) costs 1.00 times")
    assert "a difference of 2.1% could have been seen" in said[0]
    assert "hello bytecodes +2, hello Python calls +2" in said[1]


def test_sentences_tell_that_nothing_changed():
    said = COMPARE.sentences(result_of(point(), same=True))

    assert said[1:] == [
        "Not one exact count changed.",
        "Both have the same sources: this shows the noise.",
    ]


def test_a_row_has_a_cell_for_each_column():
    cells = COMPARE.row(point(b=12))

    assert len(cells) == len(COMPARE.COLUMNS)
    assert cells[1] == "12\n(+2)"


def test_an_interrupted_comparison_says_no_more_than_it_knows():
    machine = dict.fromkeys(("cpu", "cores", "system", "python", "loop"), "x")
    result = {"machine": machine, "date": "now", "command": "compare"}
    result |= {"plan": None, "points": [], "sentences": [], "complete": False}
    said = comment.markdown(result)

    assert "### Nothing was compared" in said
    assert "**It was interrupted: what follows is a part.**" in said
    assert "budget" not in said


def test_no_budget_is_told():
    assert comment.gate([point(budget=False)])[0].startswith("No budget")


def test_beyond_is_only_what_got_dearer():
    budget = {"bytecodes": 10}

    assert workloads.beyond(budget, {"bytecodes": 10}, {"bytecodes": 11})
    assert not workloads.beyond(budget, {"bytecodes": 11}, {"bytecodes": 11})
    assert not workloads.beyond(budget, {"bytecodes": 9}, {"bytecodes": 10})
    assert not workloads.beyond(None, {"bytecodes": 1}, {"bytecodes": 99})


def test_another_python_has_no_budget(monkeypatch):
    monkeypatch.setattr(budgets, "python", lambda: "3.99")

    assert budgets.budget("05", "hello") is None


def test_budget_is_what_was_recorded(monkeypatch):
    recorded = json.loads(budgets.PATH.read_text("utf-8"))
    monkeypatch.setattr(budgets, "python", lambda: recorded["python"])

    assert budgets.budget("05", "hello") == recorded["requests"]["05"]["hello"]
    assert budgets.budget("01", "hello") is None
    assert budgets.budget("05", "nothing") is None


def test_others_take_neither_words_nor_a_worktree(tmp_path):
    refused = [
        Options(worktree=True),
        Options(markdown=tmp_path / "x.md"),
        Options(words=("main",)),
    ]

    for options in refused:
        with pytest.raises(WorkshopError, match="ladder takes no"):
            lab("ladder", options)
