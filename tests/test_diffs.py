"""How two steps are compared, and that each diff stays within its budget."""

import shutil
import subprocess
from itertools import pairwise

import pytest

from workshop.diffs import (
    Line,
    apply,
    compare,
    compare_lines,
    patch,
    staged,
)
from workshop.steps import all_steps
from workshop.views import pairs

STEPS = all_steps()
NEIGHBOURS = list(pairwise(STEPS))
EACH_PAIR = pytest.mark.parametrize(
    ("old", "new"),
    NEIGHBOURS,
    ids=[f"{a.number}-{b.number}" for a, b in NEIGHBOURS],
)


def files(folder, **contents):
    """Write files into a folder: `app="x = 1"` is app.py."""
    folder.mkdir()
    for name, text in contents.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def revert(lines, hunks):
    """Return the new lines with these hunks of their file undone."""
    result = list(lines)
    for hunk in sorted(hunks, key=lambda h: h.new_start, reverse=True):
        start = hunk.new_start
        result[start : start + len(hunk.new)] = hunk.old
    return result


def lines(text):
    return text.strip("\n").split("\n")


def spelled(found):
    """Return the changed lines of each hunk as short words."""
    return [
        [line.kind + line.text for line in hunk.changes]
        for hunk in found.hunks
    ]


# Which files


def test_files_that_are_equal_are_not_shown(tmp_path):
    old = files(tmp_path / "old", app="a = 1\n", pico="p = 1\n")
    new = files(tmp_path / "new", app="a = 1\n", pico="p = 2\n")

    assert [one.path for one in compare(old, new)] == ["pico.py"]


def test_only_the_code_is_compared_unless_all_is_asked_for(tmp_path):
    old = files(tmp_path / "old", pico="p = 1\n")
    apart = {"test_x": "t", "bench": "b", "experiments__x": "e"}
    new = files(
        tmp_path / "new", pico="p = 1\n", extensions__cors="c", **apart
    )
    (new / "README.md").write_text("card")
    (new / "__pycache__").mkdir()
    (new / "__pycache__" / "pico.pyc").write_bytes(b"\0")
    (new / ".ruff_cache").mkdir()
    (new / ".ruff_cache" / "x").write_text("x")

    code = compare(old, new)
    whole = compare(old, new, whole=True)

    assert [one.path for one in code] == ["extensions/cors.py"]
    assert {one.path for one in whole} == {
        "README.md",
        "bench.py",
        "experiments/x.py",
        "extensions/cors.py",
        "test_x.py",
    }


def test_files_come_in_the_order_of_the_floor_plan(tmp_path):
    names = ["extensions__a", "server", "connection", "parsing", "messages"]
    names += ["routing", "pico", "app"]
    old = files(tmp_path / "old")
    new = files(tmp_path / "new", **dict.fromkeys(names, "x = 1\n"))

    found = [one.path for one in compare(old, new)]

    assert found == [f"{n.replace('__', '/')}.py" for n in reversed(names)]


def test_new_file_is_one_hunk_and_so_is_one_that_is_gone():
    text = ["a", "", "", "", "", "", "b"]

    new = compare_lines("x.py", None, text)
    gone = compare_lines("x.py", text, None)

    assert (new.word, new.added, new.removed) == ("new", 7, 0)
    assert (gone.word, gone.added, gone.removed) == ("gone", 0, 7)
    assert len(new.hunks) == len(gone.hunks) == 1
    assert apply([], new.hunks) == text
    assert apply(text, gone.hunks) == []


# Hunks

OLD = lines("""
class A:
    def one(self):
        return 1

    def two(self):
        return 2
""")


def test_hunk_begins_where_a_person_would_begin():
    """By itself difflib begins it with the end of the method above."""
    tail = ["", "    def two(self):", "        x = 2", "        return x"]
    old = ["class A:", "    def one(self):", "        return 1", *tail]
    method = ["", "    def new(self):", "        return 1"]
    new = [*old[:3], *method, *tail]

    found = compare_lines("x.py", old, new)
    back = compare_lines("x.py", new, old)

    assert spelled(found) == [
        ["+    def new(self):", "+        return 1", "+"]
    ]
    assert spelled(back) == [["-    def new(self):", "-        return 1", "-"]]


def test_changes_that_are_near_are_one_hunk_and_others_are_not():
    old = list("abcdefgh")

    near = compare_lines("x", old, list("XbcYefgh"))
    far = compare_lines("x", old, list("XbcdYfgh"))

    assert spelled(near) == [["-a", "+X", " b", " c", "-d", "+Y"]]
    assert spelled(far) == [["-a", "+X"], ["-e", "+Y"]]
    assert (near.added, near.removed) == (2, 2)


SPOKEN = lines("""
class A:
    '''Count.'''

    first = 1
    # They follow each other.
    second = 2
    third = 3
    fourth = 4
    fifth = 5
    sixth = 6
""")


@pytest.mark.parametrize(
    ("at", "said"), [(1, "    '''Count up.'''"), (4, "    # In order.")]
)
def test_words_come_with_the_change_that_they_announce(at, said):
    new = [*SPOKEN]
    new[at], new[8] = said, "    fifth = 6"

    (hunk,) = compare_lines("x.py", SPOKEN, new).hunks

    assert (hunk.added, hunk.removed, hunk.place) == (2, 2, "A")
    assert apply(SPOKEN, [hunk]) == new
    assert revert(new, [hunk]) == SPOKEN


def test_words_in_two_places_come_with_the_change():
    new = [*SPOKEN]
    new[1], new[4] = "    '''Count up.'''", "    # In order."
    new[8] = "    fifth = 6"

    (hunk,) = compare_lines("x.py", SPOKEN, new).hunks

    assert (hunk.added, hunk.removed) == (3, 3)


LINE = "def f(): 'doc'; {}".format
TEXT = [f"text = {chr(39) * 3}", "# no comment", chr(39) * 3]


@pytest.mark.parametrize(
    ("at", "old", "said"),
    [(1, TEXT, "# none"), (0, [LINE("a()")], LINE("b()"))],
)
def test_what_looks_like_words_is_code(at, old, said):
    old = [*old, *["pass"] * 4]
    new = [*old[:at], said, *old[at + 1 : -1], "raise"]

    assert len(compare_lines("x.py", old, new).hunks) == 2


def test_words_that_announce_nothing_near_are_a_hunk():
    new = [*SPOKEN]
    new[1], new[-1] = "    '''Count up.'''", "    sixth = 7"
    last = [*SPOKEN[:4], "    # In order.", *SPOKEN[5:]]

    assert len(compare_lines("x.py", SPOKEN, new).hunks) == 2
    assert len(compare_lines("x.py", SPOKEN, last).hunks) == 1


@pytest.mark.parametrize("path", ["x.py", "x.md"])
def test_code_does_not_wait_for_what_follows(path):
    new = [*SPOKEN]
    new[1] = new[1] if path == "x.py" else "    '''Count up.'''"
    new[3], new[7] = "    first = 0", "    fourth = 5"

    assert len(compare_lines(path, SPOKEN, new).hunks) == 2


def test_hunk_names_the_definition_it_lies_in():
    new = [*OLD]
    new[5] = "        return 22"

    (hunk,) = compare_lines("x.py", OLD, new).hunks

    assert hunk.place == "A.two"


def test_hunk_of_a_file_half_done_has_no_name():
    (hunk,) = compare_lines("x.py", ["def f(:"], ["def g(:"]).hunks

    assert hunk.place == ""


def test_hunks_are_numbered_over_all_files(tmp_path):
    body = "\n\n\n\n"
    old = files(tmp_path / "old", app=f"a{body}b\n", pico="p\n")
    new = files(tmp_path / "new", app=f"A{body}B\n", pico="P\n")

    found = compare(old, new)

    numbers = [hunk.number for one in found for hunk in one.hunks]
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("chosen", [[0], [1], [2], [0, 2], [1, 2]])
def test_hunks_can_be_applied_and_reverted_apart(chosen):
    old = list("abcdefghijklmnop")
    new = list("abXcdefgijkYZmnop1")
    hunks = compare_lines("x", old, new).hunks
    assert len(hunks) == 4
    some = [hunks[number] for number in chosen]
    others = [hunk for hunk in hunks if hunk not in some]

    partly = apply(old, some)

    assert partly == revert(new, others)
    assert partly not in (old, new)
    assert apply(old, hunks) == new
    assert revert(new, hunks) == old


def test_side_by_side_sets_what_goes_beside_what_comes():
    kinds = [Line(k, t) for k, t in ["-a", "-b", "+c", " d", "+e"]]

    assert list(pairs(kinds)) == [
        (Line("-", "a"), Line("+", "c")),
        (Line("-", "b"), None),
        (Line(" ", "d"), Line(" ", "d")),
        (None, Line("+", "e")),
    ]


# The steps


def test_extensions_that_are_not_on_stage_are_only_named():
    read, named = staged(compare(STEPS[2].folder, STEPS[3].folder))

    shown = [
        f"extensions/{n}.py" for n in STEPS[3].data["stage"]["extensions"]
    ]
    paths = [one.path for one in read]
    assert [path for path in paths if path in shown] == sorted(shown)
    assert "extensions/traceback.py" in [one.path for one in named]
    assert "extensions/traceback.py" not in paths


def test_extension_that_changes_is_read_though_it_is_not_on_stage(tmp_path):
    old = files(tmp_path / "old", extensions__traceback="a = 1\n")
    new = files(tmp_path / "new", extensions__traceback="a = 2\n")

    read, named = staged(compare(old, new))

    assert ([one.path for one in read], named) == (
        ["extensions/traceback.py"],
        [],
    )


@EACH_PAIR
def test_hunks_of_a_step_lead_from_the_one_before_to_it(old, new):
    for one in compare(old.folder, new.folder):
        if one.word == "changed":
            assert apply(one.old, one.hunks) == one.new
            assert revert(one.new, one.hunks) == one.old


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_patches_in_order_lead_from_the_first_step_to_the_last(tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(STEPS[0].folder, mine)

    for old, new in NEIGHBOURS:
        text = "\n".join(patch(compare(old.folder, new.folder))) + "\n"
        subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=mine,
            input=text.encode(),
            check=True,
            env={"GIT_CEILING_DIRECTORIES": str(tmp_path)},
        )

        assert compare(mine, new.folder) == []


@EACH_PAIR
def test_diff_of_a_step_is_within_its_budget(old, new):
    found, _ = staged(compare(old.folder, new.folder))
    used = {
        "added": sum(one.added for one in found),
        "removed": sum(one.removed for one in found),
        "files": len(found),
    }

    over = {k: n for k, n in used.items() if n > new.data["budget"][k]}
    assert over == {}


@EACH_PAIR
def test_budget_of_a_step_is_no_blank_cheque(old, new):
    found, _ = staged(compare(old.folder, new.folder))
    added = sum(one.added for one in found)

    assert new.data["budget"]["added"] <= added * 1.25


def test_budget_of_the_first_step_is_its_file():
    (only,) = compare(STEPS[0].folder / "none", STEPS[0].folder)

    assert only.added <= STEPS[0].data["budget"]["added"]
