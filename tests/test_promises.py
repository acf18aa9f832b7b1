"""What the plugin promises: the cumulative rule, the seams, nothing left.

Each test writes three small steps into a folder and runs pytest on them.
"""

import ast
import sys
from pathlib import Path

import psutil
import pytest

from workshop import steps as steps_module
from workshop.errors import WorkshopError
from workshop.plugin import SERVERS, Left, guard
from workshop.serving import launched, main_file
from workshop.steps import Modules, Rooms, all_steps, entered, find, load

pytest_plugins = ["pytester"]

SEAMS = {"step", "wire", "target", "counts"}
STEPS = ("01_first", "02_second", "03_third")
PROGRAM = """
import contextlib
import socket

value = {number}
FIELDS = b"connection: close\\r\\ncontent-length: 1\\r\\n"


def answer(client):
    client.recv(100)
    client.sendall(b"HTTP/1.1 200 OK\\r\\n" + FIELDS + b"\\r\\n{number}")


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        print(f"Listening on http://{{host}}:{{port}}", flush=True)
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                answer(client)
"""


class House:
    """Three steps with their tests, and what runs them."""

    def __init__(self, pytester):
        self.pytester = pytester
        self.root = pytester.path / "steps"

    def folder(self, number):
        return self.root / STEPS[number - 1]

    def promise(self, number, source):
        """Write the tests of a step."""
        head = "import asyncio, socket, subprocess, sys\nimport pytest\n"
        path = self.folder(number) / f"test_{number}.py"
        path.write_text(f"{head}\n{source}")

    def run(self, *words):
        """Run pytest; return how many tests ended how, and all it said."""
        found = self.pytester.runpytest_inprocess(
            "-p", "workshop.plugin", "-p", "no:cacheprovider", "-rA", *words
        )
        said = found.stdout.str() + found.stderr.str()
        if found.ret == pytest.ExitCode.USAGE_ERROR:
            return {}, said
        counts = found.parseoutcomes()
        counts.pop("warnings", None)
        return counts, said


@pytest.fixture
def house(pytester, monkeypatch):
    """Build three steps: `pico.value` is 1, 2 and 3."""
    made = House(pytester)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # It is slow.
    monkeypatch.delenv("WORKSHOP_NO_SKIPS", raising=False)
    for number in (1, 2, 3):
        made.folder(number).mkdir(parents=True)
        program = PROGRAM.format(number=number)
        (made.folder(number) / "pico.py").write_text(program)
    (made.root / "steps.toml").write_text("")
    monkeypatch.setattr(steps_module, "STEPS", made.root)
    all_steps.cache_clear()
    yield made
    monkeypatch.undo()
    all_steps.cache_clear()


def ids(said, word):
    """Return the tests that ended with a word: {"test_a[02]", ...}."""
    lines = [line for line in said.splitlines() if line.startswith(word + " ")]
    return {line.partition("::")[2].split(" ")[0] for line in lines}


# The cumulative rule


def test_promise_runs_on_its_step_later_steps_and_the_one_before(house):
    house.promise(2, "def test_grown(step): assert step.value >= 2")

    counts, said = house.run()

    assert counts == {"passed": 2, "xfailed": 1}
    assert ids(said, "PASSED") == {"test_grown[02]", "test_grown[03]"}
    assert ids(said, "XFAIL") == {"test_grown[01-fails]"}


def test_promise_that_held_before_is_refused(house):
    house.promise(2, "def test_old(step): assert step.value >= 1")

    counts, said = house.run()

    assert counts == {"passed": 2, "failed": 1}
    assert ids(said, "FAILED") == {"test_old[01-fails]"}
    assert "the step before does not keep it" in said


def test_promise_may_say_that_it_held_before(house):
    source = "@pytest.mark.holds_before\ndef test_old(step): assert step.value"
    house.promise(2, source)

    counts, said = house.run()

    assert counts == {"passed": 2}
    assert ids(said, "PASSED") == {"test_old[02]", "test_old[03]"}


def test_promise_that_a_later_step_breaks_is_reported(house):
    house.promise(1, "def test_small(step): assert step.value < 3")

    counts, said = house.run()

    assert counts == {"passed": 2, "failed": 1}
    assert ids(said, "FAILED") == {"test_small[03]"}


def test_promise_that_is_replaced_must_fail_from_then_on(house):
    source = "@pytest.mark.until('03')\ndef test_small(step): assert {}"
    house.promise(1, source.format("step.value < 3"))

    counts, said = house.run()

    assert counts == {"passed": 2, "xfailed": 1}
    assert ids(said, "XFAIL") == {"test_small[03-fails]"}

    house.promise(1, source.format("step.value < 9"))

    counts, said = house.run()

    assert counts == {"passed": 2, "failed": 1}
    assert ids(said, "FAILED") == {"test_small[03-fails]"}


def test_first_step_has_no_step_before(house):
    house.promise(1, "def test_any(step): assert step.value")

    assert house.run()[0] == {"passed": 3}


@pytest.mark.parametrize(
    "source",
    [
        "def test_it(step): import no_such_room",
        "def test_it(step): step.pico.no_such_name; assert step.value > 1",
        "def test_it(step): 1 / (step.value - 1)",
    ],
    ids=["import", "attribute", "error"],
)
def test_step_before_must_fail_by_an_assertion(house, source):
    house.promise(2, source)

    _, said = house.run()

    assert "test_it[01-fails]" in ids(said, "FAILED")


def test_room_that_a_step_lacks_is_an_assertion(house):
    for number in (2, 3):
        (house.folder(number) / "routing.py").write_text("")
    house.promise(2, "def test_routes(step): step.routing")

    assert house.run()[0] == {"passed": 2, "xfailed": 1}


def test_step_before_that_cannot_be_loaded_is_no_expected_failure(house):
    (house.folder(1) / "pico.py").write_text("def f(:\n")
    house.promise(2, "def test_grown(step): assert step.value >= 2")

    counts, said = house.run()

    assert counts == {"passed": 2, "errors": 1}
    assert "pico.py, line 1: SyntaxError" in said


def test_parameters_of_a_test_stand_beside_its_target(house):
    source = "@pytest.mark.parametrize('x', ['ada'])\n"
    house.promise(3, source + "def test_it(step, x): assert step.value == 3")

    _, said = house.run()

    assert ids(said, "PASSED") == {"test_it[03-ada]"}
    assert ids(said, "XFAIL") == {"test_it[02-fails-ada]"}


def test_test_outside_the_steps_runs_on_all_or_on_those_it_names(house):
    house.pytester.makepyfile(
        "import pytest\n"
        "def test_all(step): assert step.value\n"
        "@pytest.mark.steps('02', '03')\n"
        "def test_some(step): assert step.value > 1\n"
    )

    counts, said = house.run()

    assert counts == {"passed": 5}
    assert {"test_some[02]", "test_some[03]"} < ids(said, "PASSED")


# Targets


def mine(house, value):
    """Make a learner's folder."""
    folder = house.pytester.path / "mine"
    folder.mkdir()
    text = (house.folder(2) / "pico.py").read_text()
    (folder / "pico.py").write_text(text.replace("value = 2", value))
    return folder


def test_target_is_judged_instead_of_the_steps(house):
    house.promise(1, "def test_any(step): assert step.value > 6")
    house.promise(2, "def test_seven(step): assert step.value == 7")
    folder = mine(house, "value = 7")

    counts, said = house.run("--target", str(folder))

    assert counts == {"passed": 2}
    assert ids(said, "PASSED") == {"test_any[mine]", "test_seven[mine]"}


def test_target_keeps_promises_through_the_step_that_is_named(house):
    house.promise(1, "def test_one(step): assert step.value")
    house.promise(2, "def test_two(step): assert step.value == 2")
    house.promise(3, "def test_three(step): assert step.value == 3")
    folder = mine(house, "value = 2")

    counts, said = house.run("--target", str(folder), "--through", "02")

    assert counts.get("passed") == 2
    assert ids(said, "PASSED") == {"test_one[mine]", "test_two[mine]"}
    assert not ids(said, "FAILED")


@pytest.mark.parametrize(
    ("through", "label"), [("02", "mine"), ("03", "mine-fails")]
)
def test_target_must_have_replaced_what_its_step_replaces(
    house, through, label
):
    source = "@pytest.mark.until('03')\n"
    house.promise(1, source + "def test_small(step): assert step.value < 3")
    value = "value = 2" if through == "02" else "value = 3"
    folder = mine(house, value)

    _, said = house.run("--target", str(folder), "--through", through)

    words = "PASSED" if through == "02" else "XFAIL"
    assert ids(said, words) == {f"test_small[{label}]"}


def test_url_is_judged_by_the_wire_alone(house):
    house.promise(
        1,
        "def test_rooms(step): assert step.value\n"
        "def test_bytes(wire):\n"
        "    request = b'GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n'\n"
        "    (answer,) = wire.send(request, closing=True).answers\n"
        "    assert answer.content in (b'1', b'2', b'3')\n",
    )

    with launched(house.folder(3)) as running:
        counts, said = house.run("--target", running.url)

    assert counts == {"passed": 1, "skipped": 1}
    assert "not applicable to a URL" in said


def test_wire_leads_to_each_step(house):
    house.promise(
        2,
        "def test_bytes(wire):\n"
        "    request = b'GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n'\n"
        "    (answer,) = wire.send(request, closing=True).answers\n"
        "    assert answer.content > b'1'\n",
    )

    assert house.run()[0] == {"passed": 2, "xfailed": 1}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--through", "09"], "There is no step '09'"),
        (["--target", "nowhere"], "no step, no folder and no URL"),
    ],
)
def test_target_that_is_none_is_a_usage_error(house, words, text):
    house.promise(1, "def test_one(step): assert step.value")

    _, said = house.run(*words)

    assert text in said
    assert "Traceback" not in said


# Nothing is left behind


LEAKS = {
    "task": "async def test_it(step):\n"
    "    step.task = asyncio.create_task(asyncio.Event().wait())\n",
    "process": "def test_it(step):\n"
    "    words = [sys.executable, '-c', 'input()']\n"
    "    step.child = subprocess.Popen(words, stdin=subprocess.PIPE)\n",
    "socket": "def test_it(step):\n    socket.socket()\n",
    "socket in a cycle": "def test_it(step):\n"
    "    cycle = [socket.socket()]\n    cycle.append(cycle)\n",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_what_a_test_leaves_behind_is_reported(house, kind, monkeypatch):
    monkeypatch.setattr("workshop.plugin.PATIENCE", 0.05)
    house.promise(3, "pytestmark = pytest.mark.holds_before\n" + LEAKS[kind])

    counts, said = house.run()

    assert counts.get("failed", 0) + counts.get("errors", 0) >= 1, said
    assert "left 1" in said or "ResourceWarning" in said


def test_step_before_that_leaks_is_no_expected_failure(house, monkeypatch):
    monkeypatch.setattr("workshop.plugin.PATIENCE", 0.05)
    house.promise(
        2,
        "async def test_it(step):\n"
        "    if step.value == 1:\n"
        "        step.t = asyncio.create_task(asyncio.Event().wait())\n",
    )

    _, said = house.run()

    assert "test_it[01-fails]" in ids(said, "FAILED")


def test_async_test_runs_and_its_assertion_counts(house):
    house.promise(
        2,
        "async def test_it(step):\n"
        "    await asyncio.sleep(0)\n"
        "    assert step.value > 1\n",
    )

    assert house.run()[0] == {"passed": 2, "xfailed": 1}


def test_server_of_a_target_ends_with_the_session(house):
    house.promise(
        1,
        "import psutil\n"
        "def test_it(wire):\n"
        "    pids = [child.pid for child in psutil.Process().children()]\n"
        "    with open('pids', 'a') as file:\n"
        "        print(*pids, file=file)\n",
    )
    before = {child.pid for child in psutil.Process().children()}

    counts, _ = house.run()

    pids = (house.pytester.path / "pids").read_text().split()
    started = {int(pid) for pid in pids} - before
    assert counts == {"passed": 3}
    assert len(started) == 3
    assert not any(psutil.pid_exists(pid) for pid in started)


# Skips


def test_skip_is_a_failure_by_name_where_all_must_run(house, monkeypatch):
    house.promise(1, "def test_curl(): pytest.skip('needs curl')")

    assert house.run()[0] == {"skipped": 1}

    monkeypatch.setenv("WORKSHOP_NO_SKIPS", "1")
    counts, said = house.run()

    assert counts == {"failed": 1}
    assert "::test_curl must not be skipped: needs curl" in said


def test_skip_of_a_file_is_a_failure_too(house, monkeypatch):
    monkeypatch.setenv("WORKSHOP_NO_SKIPS", "1")
    house.promise(1, "pytest.importorskip('no_such_package')")

    counts, said = house.run()

    assert counts == {"errors": 1}
    assert "must not be skipped" in said
    assert "no_such_package" in said


def test_expected_failure_is_no_skip(house, monkeypatch):
    monkeypatch.setenv("WORKSHOP_NO_SKIPS", "1")
    house.promise(2, "def test_grown(step): assert step.value >= 2")

    assert house.run()[0] == {"passed": 2, "xfailed": 1}


# One loader


def test_loader_gives_each_step_its_own_rooms():
    third, second = load("03"), load("02")

    assert third.pico is not second.pico
    for rooms, number in ((third, "03"), (second, "02")):
        folder = find(number).folder
        for module in rooms.modules.values():
            assert Path(module.__file__).is_relative_to(folder)


def test_extension_that_is_asked_for_later_has_the_same_rooms():
    lazy, eager = load("04", lazily=True), load("04")
    before = dict(lazy.modules.loaded)
    forms = lazy.modules["extensions.forms"]

    assert "extensions.forms" not in before
    assert forms is lazy.modules["extensions.forms"]
    assert forms.HttpError is lazy.messages.HttpError
    assert "extensions" not in sys.modules
    assert len(lazy.modules) == len(eager.modules)
    assert sorted(lazy.modules) == sorted(eager.modules)
    assert before.items() <= dict(lazy.modules).items()


def test_loader_forgets_what_it_loaded():
    before = {name: id(module) for name, module in sys.modules.items()}
    path = list(sys.path)

    load("04")

    rooms = {"pico", "app", "routing", "messages", "extensions"}
    assert rooms.isdisjoint(sys.modules)
    assert sys.path == path
    assert before.items() <= {n: id(m) for n, m in sys.modules.items()}.items()


def test_loader_forgets_rooms_that_cannot_be_loaded(tmp_path):
    (tmp_path / "messages.py").write_text("")
    (tmp_path / "pico.py").write_text("import messages\nraise ValueError\n")

    with pytest.raises(ValueError):
        load(tmp_path)

    assert {"pico", "messages"}.isdisjoint(sys.modules)
    assert str(tmp_path) not in sys.path


def test_loader_gives_new_rooms_each_time():
    assert load("02").pico is not load("02").pico


def test_loader_refuses_a_folder_without_pico(tmp_path):
    with pytest.raises(WorkshopError, match=r"has no pico\.py"):
        load(tmp_path)


def test_guard_refuses_code_from_elsewhere(tmp_path):
    """With a `pico` of another step in mind, Python would not look again."""
    with entered(find("01").folder):
        import pico

        rooms = Rooms(find("02").folder, Modules(tmp_path, []))
        rooms.modules.loaded["pico"] = pico

        with pytest.raises(Left, match="pico comes from"):
            guard(rooms)


def test_code_under_test_lies_in_the_target(target, step):
    assert Path(step.pico.__file__).is_relative_to(target.folder)
    assert step.folder == target.folder


def test_program_under_test_lies_in_the_target(target, request, wire):
    process = request.config.stash[SERVERS].running[target].process
    env = process.args

    assert wire.url
    assert Path(env[-1]).name in {"wire_app.py", main_file(target.folder).name}


# The promises of the real steps


@pytest.mark.parametrize("step", all_steps(), ids=lambda s: s.number)
def test_every_test_of_a_step_is_a_promise(step):
    """Its arguments lead to the code under test."""
    for path in step.folder.glob("test_*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
                node.name.startswith("test_")
            ):
                names = {argument.arg for argument in node.args.args}
                assert names & SEAMS, node.name
