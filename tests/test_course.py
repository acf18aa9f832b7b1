"""What steps.toml says of tasks and hunks, and that all of it is true.

Each hunk is left out of its step once; `needed.py` tells what became of it.
"""

import json
import shutil
import subprocess
import sys
from functools import cache
from importlib.machinery import PathFinder
from itertools import pairwise

import pytest

from workshop import course, diffs
from workshop.bench import results
from workshop.bench.counts import alone
from workshop.errors import PASS, WorkshopError
from workshop.steps import ROOT, all_steps, find

STEPS = all_steps()
EACH_STEP = pytest.mark.parametrize("number", [step.number for step in STEPS])
NOTES = [(s.number, note) for s in STEPS for note in course.notes(s)]
EACH_NOTE = pytest.mark.parametrize(
    ("number", "note"),
    NOTES,
    ids=[f"{number}-{note.hunk.number}" for number, note in NOTES],
)
TASKS = [(s.number, task) for s in STEPS for task in course.tasks(s)]
EACH_TASK = pytest.mark.parametrize(
    ("number", "task"),
    TASKS,
    ids=[f"{number}.{task.number}" for number, task in TASKS],
)

WORDS = 150  # a minute, as a speaker says them


@cache
def told(number):
    """Return what `needed.py` tells of a step: it takes some seconds."""
    done = subprocess.run(
        [sys.executable, "tests/needed.py", number],
        check=False,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env={**alone(), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# Tasks


@EACH_STEP
def test_step_has_three_to_five_tasks(number):
    assert 3 <= len(course.tasks(find(number))) <= 5


@EACH_TASK
def test_task_names_a_place_of_the_solution(number, task):
    room, _, name = task.symbol.partition(".")
    source = (find(number).folder / f"{room}.py").read_text("utf-8")

    assert name in [name for _, _, name in diffs.definitions(source)]


@EACH_TASK
def test_task_names_a_promise_of_its_step(number, task):
    (path,) = find(number).folder.glob("test_*.py")

    names = [name for _, _, name in diffs.definitions(path.read_text("utf-8"))]
    assert task.test in names
    assert task.promise in task.test.replace("_", " ")


@EACH_TASK
def test_task_has_graded_hints(number, task):
    lengths = [len(hint) for hint in task.hints]

    assert len(task.hints) >= 3
    assert min(lengths) > 60
    assert lengths[0] < lengths[-1]  # from a direction to the thing itself


@EACH_TASK
def test_hint_is_no_code_to_paste(number, task):
    rooms = find(number).folder.rglob("*.py")
    lines = {
        line.strip()
        for path in rooms
        for line in path.read_text("utf-8").splitlines()
        if len(line.strip()) >= 25
    }
    said = " ".join(task.hints)

    assert [line for line in lines if line in said] == []


@EACH_STEP
def test_minutes_of_tasks_are_those_of_the_step(number):
    step = find(number)
    minutes = [task.minutes for task in course.tasks(step)]

    assert min(minutes) > 0
    assert sum(minutes) == step.data["minutes"]
    assert sum(course.seconds(step).values()) == pytest.approx(
        60 * step.data["minutes"]
    )


def test_minutes_of_steps_are_ten():
    assert sum(step.data["minutes"] for step in STEPS) == 10


@EACH_STEP
def test_each_hunk_is_said_and_belongs_to_one_task(number):
    step = find(number)
    order = [note.hunk.number for note in course.notes(step)]
    named = [n for task in course.tasks(step) for n in task.hunks]

    assert sorted(order) == sorted(course.hunks(step))
    assert list(dict.fromkeys(named)) == order  # task by task
    assert len(named) == len(order) or len(order) == 1


@EACH_STEP
def test_promises_of_tasks_are_red_where_a_learner_begins(number):
    tests = {task.test for task in course.tasks(find(number))}

    assert told(number)["before"] == sorted(tests)


@EACH_STEP
def test_solution_keeps_what_tasks_and_notes_name(number):
    assert told(number)["solution"] == []


@EACH_TASK
def test_promise_of_a_task_is_red_without_its_hunks(number, task):
    red = told(number)["tasks"][str(task.number)]
    hidden = "bytecodes" in task.test or "fewer" in task.test

    assert red == ([] if hidden else [task.test])


# Hunks


@EACH_NOTE
def test_note_can_be_said_in_a_breath_or_two(number, note):
    words = note.note.split()

    assert 3 <= len(words) <= 45
    assert note.note.endswith(".")


@EACH_TASK
def test_notes_of_a_task_can_be_said_in_its_time(number, task):
    known = {n.hunk.number: n.note for n in course.notes(find(number))}
    words = [word for n in task.hunks for word in known[n].split()]
    whole = find(number).data["minutes"] if len(known) == 1 else task.minutes

    assert len(words) <= whole * WORDS


@EACH_NOTE
def test_hunk_is_needed(number, note):
    without = told(number)["without"][str(note.hunk.number)]
    if note.shows == "behaviour":
        assert without == [note.by]
        return
    now, then = without
    assert then == "broken" or now < then
    before, after = told(number)["stretches"][str(note.hunk.number)]
    assert after < before


@EACH_NOTE
def test_time_that_a_hunk_saves_was_measured(number, note):
    if note.shows != "time":
        return
    name, _, asked = note.by.partition(".")
    path = results.RESULTS / f"{name}.json"
    arms = json.loads(path.read_text("utf-8"))["arms"]
    old, new = (
        [arm["cpu_us"]["median"] for arm in arms if arm["name"] == wanted]
        for step in (course.before(find(number)), find(number))
        for wanted in [f"{step.number} {step.word}, {asked}"]
    )

    assert len(old) == len(new) == 1
    assert new < old


@EACH_STEP
def test_each_prefix_of_the_hunks_still_imports(number):
    step, prefixes = find(number), told(number)["prefixes"]

    assert prefixes == [""] * len(course.hunks(step))


def test_hunk_that_is_none_is_told_in_a_sentence():
    with pytest.raises(WorkshopError, match="has no hunk 99: its hunks are 1"):
        course.applied(find("02"), {99})


# Patches


def contents(folder):
    """Return the bytes of each file below a folder."""
    return {
        path: (folder / path).read_bytes() for path in diffs.every_file(folder)
    }


def test_all_hunks_of_all_steps_give_step_05(tmp_path):
    for step in STEPS:
        old = course.before(step)
        start = old.folder if old else tmp_path / "none"
        _, named = diffs.staged(diffs.compare(start, step.folder))
        for path, lines in course.applied(step, {*course.hunks(step)}).items():
            course.write(tmp_path, path, lines)
        for one in named:
            course.write(tmp_path, one.path, one.new)

    last = STEPS[-1].folder
    assert {
        path: (tmp_path / path).read_bytes() for path in diffs.code(tmp_path)
    } == {path: (last / path).read_bytes() for path in diffs.code(last)}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_patches_01_to_05_give_step_05_byte_for_byte(tmp_path, patch_of):
    work, patch = tmp_path / "work", tmp_path / "step.patch"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(STEPS[0].folder, work, ignore=ignored)
    for old, new in pairwise(step.number for step in STEPS):
        patch.write_text(patch_of(old, new), "utf-8", newline="\n")
        command = ["git", "-c", "core.autocrlf=false", "apply"]
        command += ["--whitespace=nowarn", str(patch)]
        subprocess.run(command, cwd=work, check=True)

    assert contents(work) == contents(STEPS[-1].folder)


@pytest.fixture
def patch_of(say):
    """Return what `workshop diff OLD NEW --all` writes to a file."""

    def run(old, new):
        status, out, _ = say("diff", old, new, "--all")
        assert status == PASS
        return out

    return run


# Promises that hunks are needed for, and that stand nowhere else


@pytest.mark.steps("03", "04", "05")
async def test_answer_without_content_has_no_media_type(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        pass

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (200, b"")
    assert answer.field("content-type") is None


@pytest.mark.steps("04", "05")
async def test_error_is_told_by_the_response_of_the_app(step, fetch):
    class MyResponse(step.messages.Response):
        def __init__(self, app):
            super().__init__(app)
            self.headers["x-mine"] = "yes"

    class MyPico(step.Pico):
        Response = MyResponse

    answer = await fetch(MyPico(), "/nowhere")

    assert (answer.status, answer.field("x-mine")) == (404, "yes")


@pytest.mark.steps("04", "05")
def test_extensions_are_those_of_one_folder_alone(step, tmp_path):
    (tmp_path / "extensions").mkdir()
    paths = [str(tmp_path), str(step.folder)]

    found = PathFinder.find_spec("extensions", paths)

    own = [str(step.folder / "extensions")]
    assert list(found.submodule_search_locations) == own


@pytest.mark.steps("03", "04", "05")
async def test_trailers_reach_the_handler(step, ask):
    app = step.Pico()

    @app.route("/", ["POST"])
    async def index(request, response):
        response.body = request.trailers.get("x-sum", "none")

    exchange = await ask(
        app,
        b"POST / HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n"
        b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n",
    )

    assert [answer.content for answer in exchange.answers] == [b"7"]
