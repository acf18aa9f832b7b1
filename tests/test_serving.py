"""How a program is started, heard and ended, and what is said of it."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys

import psutil
import pytest

from workshop import serving
from workshop.errors import ENVIRONMENT, FAIL, USAGE, WorkshopError
from workshop.merge import merge
from workshop.mistakes import explained, shown
from workshop.ports import spare
from workshop.serving import Target, launched, target
from workshop.steps import ROOT, all_steps, find

LISTENS = """
import socket, sys, time

server = socket.create_server(("127.0.0.1", 0))
print("a line before", flush=True)
host, port = server.getsockname()
print(f"Listening on http://{host}:{port}", flush=True)
"""
WAITS = "sys.stdin.read()\ntime.sleep(3600)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


@pytest.fixture
def program(tmp_path):
    """Return what writes a program into a folder."""

    def write(source):
        (tmp_path / "app.py").write_text(source)
        return tmp_path

    return write


def gone(pid):
    """Return whether a process has ended (or waits for its parent)."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(5)  # It may need a moment to die.
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_program_that_prints_port_0_is_told_where_to_look(program):
    folder = program(LISTENS.replace("{port}", "0") + WAITS)

    with (
        pytest.raises(WorkshopError, match="prints port 0"),
        launched(folder),
    ):
        pass


# Targets


@pytest.mark.parametrize("word", ["03", "3", "parsing", "03_parsing"])
def test_step_is_found_by_each_of_its_names(word):
    step = find("03")

    assert target(word) == Target("03_parsing", step.folder, None)


def test_folder_is_a_target_even_if_it_is_called_like_a_step(
    program, tmp_path, monkeypatch
):
    (tmp_path / "routing").mkdir()
    (tmp_path / "routing" / "pico.py").write_text("")
    monkeypatch.chdir(tmp_path)

    assert target("routing").folder == tmp_path / "routing"


def test_url_is_a_target_once_it_answers():
    with launched(find("01").folder) as running:
        found = target(running.url + "/some/path")

    assert found == Target(running.url + "/some/path", None, running.url)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("https://127.0.0.1", USAGE),
        ("http://", USAGE),
        ("http://127.0.0.1:nine", ENVIRONMENT),
        ("http://127.0.0.1:1", ENVIRONMENT),
    ],
)
def test_url_that_cannot_be_tried_is_an_error(word, status):
    with pytest.raises(WorkshopError) as caught:
        target(word)

    assert caught.value.status == status


# Programs


def test_program_is_heard_and_ended(program):
    folder = program(LISTENS + "print('to stderr', file=sys.stderr)\n" + WAITS)

    with launched(folder) as running:
        assert running.url == f"http://{running.host}:{running.port}"
        assert running.process.poll() is None

    assert running.process.poll() is not None


def test_what_a_program_writes_to_stderr_can_be_read(program):
    folder = program(
        "import sys\nprint('ada', file=sys.stderr)" + LISTENS + WAITS
    )

    with launched(folder) as running:
        assert running.log() == "ada\n"


def test_program_that_writes_much_is_not_held_up(program):
    loud = "print('x' * 10_000_000, flush=True)\n"
    loud += "print('y' * 10_000_000, file=sys.stderr, flush=True)\n"

    with launched(program("import sys\n" + loud + LISTENS + WAITS)) as running:
        assert len(running.log()) + len(os.linesep) == 65537


def test_what_a_program_writes_is_shown_if_asked_for(program, capsys):
    early = "import sys\nprint('early', file=sys.stderr)\n"
    folder = program(early + LISTENS + "sys.exit(3)")

    with launched(folder, echo=True) as running:
        running.process.wait()

    out, err = capsys.readouterr()
    assert out == f"a line before\nListening on {running.url}\n"
    assert err == "early\n"
    assert running.process.returncode == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_program_that_will_not_end_is_killed(program):
    with launched(program(STUBBORN + LISTENS + WAITS), grace=0.1) as running:
        pass

    assert running.process.returncode == -9


def test_what_a_program_has_started_ends_with_it(program, tmp_path):
    starts = "import subprocess\n"
    starts += "sleep = 'import time; time.sleep(3600)'\n"
    starts += "child = subprocess.Popen([sys.executable, '-c', sleep])\n"
    starts += "print(child.pid, file=sys.stderr, flush=True)\n"

    with launched(
        program("import sys\n" + starts + LISTENS + WAITS)
    ) as running:
        pid = int(running.log())

    assert gone(pid)


def test_program_ends_with_the_block_whatever_happens(program):
    with (
        pytest.raises(KeyboardInterrupt),
        launched(program(LISTENS + WAITS)) as running,
    ):
        raise KeyboardInterrupt

    assert running.process.poll() is not None


def test_program_is_given_a_free_port_and_its_own_rooms(program, monkeypatch):
    monkeypatch.setenv("PORT", "8000")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    tells = "import os, sys\nprint(os.environ['PORT'], os.environ['X'],"
    tells += " os.environ['PYTHONPATH'], os.getcwd(), file=sys.stderr)\n"
    folder = program(tells + LISTENS + WAITS)

    with launched(folder, env={"X": "1"}) as running:
        assert running.log() == f"0 1 {folder} {folder}\n"


def test_spare_port_is_free_and_none_that_others_are_given(monkeypatch):
    ports = [spare("127.0.0.1"), spare("127.0.0.1")]
    with socket.create_server(("127.0.0.1", ports[0])):
        monkeypatch.setattr(random, "sample", lambda *args: ports)
        chosen = spare("127.0.0.1")

    assert all(20_000 <= port < 32_000 for port in ports)
    assert chosen == ports[1]


def test_another_program_runs_on_the_rooms_of_a_folder(tmp_path):
    other = tmp_path / "other.py"
    other.write_text("from app import app\napp.run()\n")

    with launched(find("03").folder, other) as running:
        assert running.process.args[-1] == str(other)


def test_step_without_rooms_runs_its_own_program(tmp_path):
    with launched(find("01").folder, tmp_path / "no.py") as running:
        assert running.process.args[-1].endswith("pico.py")


# What is said of a program that does not listen


@pytest.mark.parametrize(
    ("source", "status", "text"),
    [
        ("def f(:", FAIL, "line 1: SyntaxError"),
        ("x = 1\n  y = 2", FAIL, "line 2: IndentationError"),
        ("\n1 / 0", FAIL, "line 2: ZeroDivisionError: division by zero."),
        ("import json\njson.loads('')", FAIL, "line 2: json.decoder.JSONDec"),
        ("import uvloop_", FAIL, "No module named 'uvloop_'. Correct it"),
        ("raise SystemExit('port is taken')", ENVIRONMENT, "port is taken"),
        ("", FAIL, "ended (status 0) before it listened"),
        ("import os; os._exit(4)", FAIL, "ended (status 4)"),
    ],
)
def test_program_that_fails_is_told_by_file_line_and_reason(
    program, source, status, text
):
    folder = program(source)

    with pytest.raises(WorkshopError) as caught, launched(folder):
        pass

    assert caught.value.status == status
    said = str(caught.value)
    assert text in said and said.startswith(str(folder / "app.py"))
    assert "\n" not in said and "Traceback" not in said


PICO = "class Pico: pass\n"


@pytest.mark.parametrize(
    ("file", "source", "text"),
    [
        ("pico.py", "x = 1\n", "print `Listening on http://HOST:PORT`, then"),
        ("pico.py", PICO, "it has a class Pico, so write app.py"),
        ("app.py", "x = 1\n", "let its last line be `app.run()`"),
        (
            "app.py",
            "import code as app\napp.run = print\napp.run()\n",
            "`run` prints `Listening on http://HOST:PORT`, then serves",
        ),
    ],
)
def test_program_that_does_not_listen_is_told_what_it_lacks(
    tmp_path, file, source, text
):
    (tmp_path / file).write_text(source)

    with pytest.raises(WorkshopError) as caught, launched(tmp_path):
        pass

    assert f"ended (status 0) before it listened: {text}" in str(caught.value)


def test_line_to_correct_is_in_the_folder_that_another_program_runs(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(find("03").folder, folder)
    (folder / "routing.py").write_text("\ndef f(:\n")
    other = tmp_path / "other.py"
    other.write_text("import app\n")

    with (
        pytest.raises(WorkshopError, match=r"routing\.py, line 2: SyntaxErr"),
        launched(folder, other),
    ):
        pass


def test_program_that_never_listens_is_ended(program):
    folder = program("import sys, time\n" + WAITS)
    before = psutil.Process().children()  # Other tests' servers, session-long.

    with (
        pytest.raises(WorkshopError, match="did not print `Listening on"),
        launched(folder, patience=0.2),
    ):
        pass

    assert psutil.Process().children() == before


def test_file_with_a_conflict_says_what_to_do_with_its_marks(tmp_path):
    merged = merge(["a"], ["b"], ["c"]).lines
    (tmp_path / "pico.py").write_text("\n".join(merged), "utf-8")

    with pytest.raises(WorkshopError) as error, launched(tmp_path):
        pass

    assert "pico.py, line 1: SyntaxError" in str(error.value)
    assert "of the conflict, and delete its marks." in str(error.value)


def test_only_packages_that_we_know_are_advised(tmp_path):
    text = "Traceback\nModuleNotFoundError: No module named '{}'\n"

    ours = explained(text.format("httptools"), tmp_path / "app.py")
    theirs = explained(text.format("htptools"), tmp_path / "app.py")

    assert "-m pip install httptools" in str(ours)
    assert ours.status == ENVIRONMENT
    assert "pip install" not in str(theirs)


def test_paths_are_shown_from_the_root_of_the_clone(tmp_path):
    assert shown(ROOT / "steps" / "a.py") == "steps/a.py"
    assert shown(tmp_path) == str(tmp_path)


def test_work_is_the_folder_of_the_learner_wherever_one_is(
    tmp_path, monkeypatch
):
    mine, here = tmp_path / "mine" / "work", tmp_path / "here"
    monkeypatch.setenv("WORKSHOP_WORK", str(mine))
    here.mkdir()
    monkeypatch.chdir(here)
    shutil.copytree(find("01").folder, mine)

    found = [target("work").folder, target("work/").folder]
    shutil.copytree(find("01").folder, here / "work")

    assert found == [mine, mine]
    assert target("work").folder == here / "work"


@pytest.mark.parametrize("step", all_steps(), ids=lambda s: s.number)
def test_each_step_is_its_own_target(step):
    assert target(str(step.folder)) == target(step.number)


def test_step_that_is_half_built_runs_its_own_program(tmp_path):
    for step, name in (("01", "pico.py"), ("02", "routing.py")):
        shutil.copy(find(step).folder / name, tmp_path)

    with launched(tmp_path, ROOT / "workshop" / "wire_app.py") as running:
        assert running.url.startswith("http://127.0.0.1:")


def test_second_interrupt_while_a_program_ends_leaves_no_orphan(monkeypatch):
    def interrupted(pid):
        raise KeyboardInterrupt

    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
    monkeypatch.setattr(serving.psutil, "Process", interrupted)

    try:
        with pytest.raises(KeyboardInterrupt):
            serving.end(process)

        assert process.returncode is not None
    finally:
        process.kill()
        process.communicate()
