"""`dev amend`: a fix of an early step reaches the later ones, or is told."""

import shutil
import subprocess
from functools import partial

import pytest

from workshop import amend, steps
from workshop.errors import ENVIRONMENT, FAIL, PASS, USAGE
from workshop.verbs import START

TOP = "one\ntwo\nthree\n"
REST = "four\nfive\nsix\nseven\n"
NAMES = ["01_raw", "02_routing", "03_parsing", "04_extensions"]
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


@pytest.fixture
def tree(tmp_path):
    """Return steps in a git repository: a room that grows from 02 to 04."""
    folder = tmp_path / "clone" / "steps"
    for number, name in enumerate(NAMES):
        (folder / name / "extensions").mkdir(parents=True)
        put(folder, name, "pico.py", TOP + REST + "more\n" * number)
        put(folder, name, "test_it.py", f"its own {number}\n")
        put(folder, name, "routing.py", "shared\n")
    (folder / "steps.toml").write_text("")
    git(folder, "init", "-q")
    commit(folder)
    return folder


@pytest.fixture
def say(say, tree, monkeypatch):
    """Run `dev amend` on these steps; return status, out and err."""
    monkeypatch.setattr(steps, "STEPS", tree)
    steps.all_steps.cache_clear()
    yield partial(say, "dev", "amend")
    steps.all_steps.cache_clear()


def git(folder, *words):
    settings = ["user.name=a", "user.email=a@b", "commit.gpgsign=false"]
    named = [word for setting in settings for word in ("-c", setting)]
    subprocess.run(["git", *named, *words], cwd=folder, check=True)


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "steps")


def put(folder, name, path, text):
    target = folder / name / path
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(text.encode())


def change(folder, name, old, new, path="pico.py"):
    target = folder / name / path
    text = target.read_text()
    assert old in text
    put(folder, name, path, text.replace(old, new))


def texts(folder, path):
    """Return the file in each step, or None where there is none."""
    paths = [folder / name / path for name in NAMES]
    return [p.read_bytes().decode() if p.exists() else None for p in paths]


def lines(out):
    """Return the first words of what is said of each file."""
    return [line.split() for line in out.splitlines() if line[:1] == "0"]


# What is carried


def test_a_fix_reaches_each_later_step(tree, say):
    change(tree, "02_routing", "two\n", "TWO\n")

    status, out, err = say("02")

    assert (status, err) == (PASS, "")
    assert lines(out) == [
        ["03", "carried", "pico.py"],
        ["04", "carried", "pico.py"],
    ]
    assert "start.py test" in out
    fixed = TOP.replace("two", "TWO") + REST
    assert texts(tree, "pico.py") == [
        TOP + REST,
        *(fixed + "more\n" * number for number in (1, 2, 3)),
    ]


def test_a_fix_is_not_carried_twice(tree, say):
    change(tree, "02_routing", "two\n", "TWO\n")
    say("02")
    before = texts(tree, "pico.py")

    status, out, _ = say("02")

    assert status == PASS
    assert [words[1] for words in lines(out)] == ["same", "same"]
    assert texts(tree, "pico.py") == before


def test_what_a_step_has_of_its_own_stays_uncommitted_or_not(tree, say):
    change(tree, "03_parsing", "seven\n", "seven, mine\n")
    change(tree, "02_routing", "two\n", "TWO\n")

    say("02")

    assert "TWO" in texts(tree, "pico.py")[2]
    assert "seven, mine" in texts(tree, "pico.py")[2]
    assert "seven, mine" not in texts(tree, "pico.py")[3]


def test_a_step_is_merged_with_the_one_before_it_which_is_nearer(tree, say):
    put(tree, "02_routing", "pico.py", "one\nsame\nsame\n")
    put(tree, "03_parsing", "pico.py", "one\nsame\n")
    put(tree, "04_extensions", "pico.py", "one\nsame\nfour\n")
    commit(tree)
    put(tree, "02_routing", "pico.py", "one\nNEW\nsame\n")

    status, _, _ = say("02")

    assert status == PASS  # From 02 to 04 at once it is a conflict.
    assert texts(tree, "pico.py")[2] == "one\nNEW\nsame\n"
    assert texts(tree, "pico.py")[3] == "one\nNEW\nsame\nfour\n"


def test_copies_new_files_and_removed_ones_follow(tree, say):
    put(tree, "02_routing", "routing.py", "shared and\nmended\n")
    put(tree, "02_routing", "extensions/cors.py", "new\n")
    commit(tree)
    (tree / "02_routing" / "extensions" / "cors.py").unlink()
    put(tree, "03_parsing", "extensions/cors.py", "new\n")

    status, out, _ = say("02", "--from", "HEAD~1")
    once = texts(tree, "routing.py")
    git(tree, "add", "-A")
    removed, then, _ = say("02")

    assert (status, removed) == (PASS, PASS)
    assert once == ["shared\n"] + 3 * ["shared and\nmended\n"]
    assert ["03", "carried", "routing.py"] in lines(out)
    assert ["03", "removed", "extensions/cors.py"] in lines(then)
    assert texts(tree, "extensions/cors.py") == [None] * 4


def test_a_new_room_is_carried_and_a_missing_one_is_told(tree, say):
    put(tree, "02_routing", "lens.py", "new\n")
    (tree / "03_parsing" / "routing.py").unlink()
    change(tree, "02_routing", "shared", "mended", "routing.py")

    status, out, _ = say("02")

    assert status == PASS
    assert texts(tree, "lens.py") == [None, "new\n", "new\n", "new\n"]
    assert ["03", "not", "there", "routing.py"] in lines(out)
    assert ["04", "carried", "routing.py"] in lines(out)


def test_tests_and_cards_stay_in_their_step(tree, say):
    put(tree, "02_routing", "test_it.py", "another\n")
    put(tree, "02_routing", "bench.py", "new\n")
    put(tree, "02_routing", "README.md", "new\n")

    status, out, _ = say("02")

    assert status == PASS
    assert out == "The code of 02 is as in HEAD: nothing to carry.\n"


def test_a_dry_run_says_the_same_and_writes_nothing(tree, say):
    change(tree, "02_routing", "two\n", "TWO\n")
    change(tree, "03_parsing", "two\n", "too\n")
    before = texts(tree, "pico.py")

    status, dry, _ = say("02", "--dry-run")
    unwritten = texts(tree, "pico.py")
    _, wet, _ = say("02")

    assert status == FAIL
    assert "Nothing was written" in dry
    assert unwritten == before != texts(tree, "pico.py")
    assert lines(dry) == lines(wet)


# Conflicts


def test_a_conflict_is_marked_named_and_the_steps_behind_it_wait(tree, say):
    change(tree, "02_routing", "two\n", "TWO\n")
    change(tree, "03_parsing", "two\n", "too\n")
    before = texts(tree, "pico.py")

    status, out, _ = say("02")

    assert status == FAIL
    assert lines(out) == [
        ["03", "conflict", "pico.py,", "line", "2"],
        ["04", "waits", "pico.py", "(for", "03)"],
    ]
    assert f"`{START} dev amend 03` carries" in " ".join(out.split())
    after = texts(tree, "pico.py")
    assert after[2].splitlines()[1:6] == [
        "<<<<<<< 03",
        "too",
        "=======",
        "TWO",
        ">>>>>>> 02",
    ]
    assert after[3] == before[3]


def test_a_conflict_that_was_mended_is_carried_on(tree, say):
    change(tree, "02_routing", "two\n", "TWO\n")
    change(tree, "03_parsing", "two\n", "too\n")
    say("02")
    text = TOP.replace("two", "TOO") + REST + "more\n" * 2
    put(tree, "03_parsing", "pico.py", text)

    status, _, _ = say("03")

    assert status == PASS
    assert texts(tree, "pico.py")[3].startswith("one\nTOO\nthree\n")


def test_marks_that_are_left_are_not_carried_nor_doubled(tree, say):
    change(tree, "02_routing", "two\n", "TWO\n")
    change(tree, "03_parsing", "two\n", "too\n")
    say("02")
    marked = texts(tree, "pico.py")

    again, out, _ = say("02")
    status, _, err = say("03")

    assert again == FAIL
    assert lines(out)[0][:5] == ["03", "conflict", "pico.py,", "line", "2"]
    assert texts(tree, "pico.py") == marked
    assert status == USAGE
    assert "has marks of a conflict (line 2)" in err


@pytest.mark.parametrize(
    ("kept", "then"),
    [
        ("03_parsing", "`python3 start.py dev amend 03` carries it on."),
        ("04_extensions", "let the tests tell: `python3 start.py test`."),
    ],
)
def test_a_file_that_went_but_changed_later_stays(tree, say, kept, then):
    (tree / "02_routing" / "routing.py").unlink()
    put(tree, kept, "routing.py", "another\n")

    status, out, _ = say("02")

    assert status == FAIL
    assert [kept[:2], "conflict"] in [line[:2] for line in lines(out)]
    assert (tree / kept / "routing.py").read_text() == "another\n"
    assert "<<<<<<<" not in out
    assert " ".join(out.split()).endswith(f"files that stay; then {then}")


# What goes wrong


def test_an_unknown_commit_and_the_last_step_are_told(say):
    unknown = say("02", "--from", "nowhere")
    last = say("04")

    assert unknown == (
        USAGE,
        "",
        "git knows no 'nowhere': give a commit, a branch or a tag.\n",
    )
    assert last[0] == USAGE
    assert "is the last step" in last[2]


def test_without_git_or_a_repository_one_sentence_says_so(
    tree, say, monkeypatch
):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tree.parent.parent))
    shutil.rmtree(tree / ".git")
    nowhere = say("02")
    monkeypatch.setenv("PATH", "")
    without = say("02")

    assert (nowhere[0], without[0]) == (ENVIRONMENT, ENVIRONMENT)
    assert "in no git repository" in nowhere[2]
    assert "git was not found" in without[2]
    assert nowhere[2].count("\n") == without[2].count("\n") == 1


def test_variables_of_a_hook_do_not_lead_elsewhere(tree, say, monkeypatch):
    change(tree, "02_routing", "two\n", "TWO\n")
    monkeypatch.setenv("GIT_DIR", str(tree / "elsewhere"))

    status, out, _ = say("02")

    assert (status, len(lines(out))) == (PASS, 2)


def test_outcomes_are_known_before_anything_is_written(tree):
    change(tree, "02_routing", "two\n", "TWO\n")
    later = [tree / name for name in NAMES[2:]]

    found = amend.outcomes(tree / "02_routing", later, "HEAD")

    assert [one.text() for one in found] == [
        "03  carried       pico.py",
        "04  carried       pico.py",
    ]
    assert "TWO" not in texts(tree, "pico.py")[2]


def test_clone_of_another_user_is_told(say, tree, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    status, _, err = say("02")

    assert status == ENVIRONMENT
    assert "belongs to another user" in err
    assert f"--add safe.directory {tree.parent}`" in err
