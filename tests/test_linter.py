"""Each kind of thing that an author may forget is found, and told."""

import shutil
from copy import deepcopy
from dataclasses import replace

import pytest
import typer

from workshop import checking, cli, linter
from workshop.errors import FAIL, PASS
from workshop.steps import all_steps, find
from workshop.verbs import START, verb

PROSE = f"`{START} good`"


@pytest.fixture
def step():
    """Return step 02, whose data may be spoiled."""
    found = find("02")
    return replace(found, data=deepcopy(found.data))


@pytest.fixture
def copied(step, tmp_path):
    """Return step 02 in a folder of its own, which may be spoiled."""
    folder = tmp_path / step.name
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(step.folder, folder, ignore=ignored)
    return replace(step, folder=folder)


def told(found):
    """Return the only finding."""
    (sentence,) = found
    assert sentence.endswith(".")
    return sentence


def test_course_is_as_it_should_be():
    assert list(linter.findings(all_steps(), cli.app)) == []


# Tasks


def test_step_without_tasks_is_found(step):
    del step.data["task"]

    assert "Step 02 has no task: write its [[02.task]]" in told(
        linter.fields(step)
    )


@pytest.mark.parametrize("kind", ["task", "hunk"])
def test_field_that_is_missing_is_found(step, kind):
    name = linter.FIELDS[kind][-1]
    del step.data[kind][1][name]

    assert told(linter.fields(step)) == (
        f"[[02.{kind}]], the 2. one, has no {name}: add it in"
        " steps/steps.toml."
    )


def test_step_whose_data_lacks_something_is_told_and_the_others_too(step):
    del step.data["task"][0]["hints"]

    found = list(linter.findings([step], cli.app))

    assert any("has no hints" in sentence for sentence in found)
    assert any("The steps take 2 minutes, not 10" in each for each in found)


def test_task_with_two_hints_is_found(step):
    step.data["task"][0]["hints"][2:] = ["  "]

    assert told(linter.tasks(step)) == (
        "Task 02.1 has 2 hints: write at least 3."
    )


def test_tasks_that_take_longer_than_the_step_are_found(step):
    step.data["task"][0]["minutes"] += 1

    assert "The tasks of step 02 take 3 minutes, and the step 2" in told(
        linter.tasks(step)
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("minutes", 0, "Task 02.1 takes no time"),
        ("hunks", [], "Task 02.1 names no hunk"),
        ("symbol", "routing.Router.gone", "looks at routing.Router.gone"),
        ("symbol", "gone.Router", "looks at gone.Router"),
        ("test", "test_gone", "is judged by test_gone"),
        ("also", ["test_gone"], "is judged by test_gone"),
    ],
)
def test_task_that_points_nowhere_is_found(step, field, value, said):
    step.data["task"][0][field] = value

    sentences = [s for s in linter.tasks(step) if "minutes, and" not in s]

    assert said in told(sentences)


def test_step_with_two_tasks_is_found(step):
    del step.data["task"][2:]

    assert any(
        "Step 02 has 2 tasks: write 3 to 5." in sentence
        for sentence in linter.tasks(step)
    )


def test_minutes_that_are_not_ten_are_found(step):
    assert told(linter.minutes([step])) == (
        "The steps take 2 minutes, not 10: correct `minutes` in"
        " steps/steps.toml."
    )


# Hunks


def test_hunk_that_nobody_speaks_of_is_found(step):
    step.data["hunk"] = [h for h in step.data["hunk"] if h["number"] != 4]

    assert told(linter.hunks(step)) == (
        "Hunk 4 of step 02 has 0 notes: write one [[02.hunk]] for it."
    )


def test_hunk_of_two_tasks_is_found(step):
    step.data["task"][0]["hunks"].append(4)

    assert "Hunk 4 of step 02 belongs to 2 tasks" in told(linter.hunks(step))


def test_hunk_that_the_diff_has_not_is_found(step):
    step.data["hunk"].append({**step.data["hunk"][0], "number": 99})

    assert told(linter.hunks(step)) == (
        "Step 02 has no hunk 99: number hunks as `workshop diff --hunks` does."
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("note", " \n", "has an empty note"),
        ("shows", "magic", "shows 'magic': say one of behaviour, count"),
        ("by", "", "shows behaviour by nothing"),
    ],
)
def test_note_that_lacks_something_is_found(step, field, value, said):
    step.data["hunk"][0][field] = value

    assert f"Hunk 5 of step 02 {said}" in told(linter.hunks(step))


# Files


@pytest.mark.parametrize("name", ["notes.txt", "old/app.py", "test_old.py"])
def test_file_that_no_plan_knows_is_found(copied, name):
    path = copied.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")

    sentence = told(linter.files(copied))

    assert f"02_routing/{name} belongs to no plan: remove it" in sentence


def test_room_that_no_hunk_brings_is_found_once(copied):
    (copied.folder / "attic.py").write_text("")
    steps = [find("01"), copied, replace(copied, number="03")]

    sentence = told(linter.rooms(steps))

    assert "attic.py is brought by no hunk: write the [[02.hunk]]" in sentence


def test_extension_without_a_page_is_found_unless_another_needs_it(copied):
    folder = copied.folder / "extensions"
    folder.mkdir()
    for name in ("__init__", "cors", "alone", "helper"):
        (folder / f"{name}.py").write_text("")
    (folder / "cors.py").write_text("from extensions.helper import x\n")

    sentence = told(linter.files(copied))

    assert "extensions/alone.py has no page" in sentence


# Verbs


def verbs_of(*examples, prose=PROSE, doc="Be good."):
    """Return what is found of an app with one verb, and a group."""
    app = typer.Typer()
    group = typer.Typer()
    app.add_typer(group, name="dev")

    def good(number: int = 1, loud: bool = False) -> int:
        raise AssertionError("An example was run.")

    good.__doc__ = doc
    verb("good", *examples, at=app)(good)
    verb("check", "dev check", at=group)(lambda: 0)
    group.registered_commands[0].help = "Check."
    prose += f"`{START} dev check`"
    return linter.verbs(typer.main.get_command(app), prose)


@pytest.mark.parametrize(
    "example",
    ["good", "good --number 3 --loud", "good > it.patch", "dev check"],
)
def test_example_that_can_be_typed_is_not_run(example):
    assert list(verbs_of(example)) == []


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("best", "there is no verb 'best'"),
        ("dev", "there is no verb ''"),
        ("dev good", "there is no verb 'good'"),
        ("good --quiet", "No such option"),
        ("good --number many", "Invalid value for '--number'"),
        ("good more", "unexpected extra argument"),
    ],
)
def test_example_that_cannot_be_typed_is_found(example, said):
    sentence = told(verbs_of(example))

    assert "An example of good cannot be typed" in sentence
    assert said in sentence
    assert f"correct `{START} {example}`" in sentence


def test_verb_without_help_is_found():
    assert told(verbs_of("good", doc=None)) == (
        "The verb good has no help: write its docstring."
    )


def test_verb_without_example_is_found():
    assert "The help of good has no example" in told(verbs_of())


def test_verb_that_no_page_names_is_found():
    sentence = told(verbs_of("good", prose=""))

    assert f"No page has `{START} good`" in sentence


# workshop dev check


@pytest.fixture
def check(say, monkeypatch):
    """Run `dev check` without the promises; return status and output."""
    monkeypatch.setattr(checking, "promises", lambda *words: iter(()))
    monkeypatch.setattr(checking, "references", lambda through: [])
    return lambda *words: say("dev", "check", *words)[:2]


def test_dev_check_looks_through_the_course(check):
    status, out = check()

    assert status == PASS
    assert "Tasks, hints, minutes, hunks, files and verbs fit." in out


def test_dev_check_fails_by_a_finding(check, monkeypatch):
    found = ["Task 02.1 has 2 hints: write at least 3."]
    monkeypatch.setattr(linter, "findings", lambda steps, app: iter(found))

    status, out = check()

    assert status == FAIL
    assert f"FAIL  {found[0]}" in out
    assert "1 to correct." in out


@pytest.mark.parametrize("words", [["03"], ["--target", "01"]])
def test_dev_check_of_something_else_leaves_the_course_alone(
    check, monkeypatch, words
):
    monkeypatch.setattr(checking, "judge_rows", lambda *words: NO_ROWS)
    status, out = check(*words)

    assert status == PASS
    assert "The course" not in out


NO_ROWS = checking.Rows("none", 0, 0, [])
