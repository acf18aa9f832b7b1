"""The whole way of a learner, on a terminal of 80 x 24 that writes ASCII."""

import contextlib
import os
import re
import struct
import subprocess
import sys

import pytest

from workshop import diffs
from workshop.errors import FAIL, PASS
from workshop.steps import ROOT, all_steps, find

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminal")

COLUMNS, ROWS = 80, 24
WEIGHT = re.compile(r"\x1b\[[0-9;]*m")  # bold and the like, which do not move


@pytest.fixture
def terminal():
    """Return both ends of a terminal of 80 x 24."""
    import fcntl
    import termios

    master, slave = pty.openpty()
    size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.fixture
def run(terminal, tmp_path):
    """Run a verb on the terminal; return its status and what was seen."""
    master, slave = terminal
    env = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
    env |= {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    env |= {"TERM": "xterm", "WORKSHOP_WORK": str(tmp_path / "work")}
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "PYTHONUTF8"):
        env.pop(name, None)

    def verb(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "workshop", *words],
            cwd=ROOT,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        return seen(process, master)

    return verb


def seen(process, master):
    """Return the status of a process, and what it wrote to its terminal."""
    found = b""
    os.set_blocking(master, False)
    while True:
        ended = process.poll() is not None
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(master, 65536):
                found += piece
        if ended:
            return process.returncode, found.decode("ascii")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)


def fits(text):
    """Raise unless a text is plain, and no larger than the terminal."""
    assert "Traceback" not in text
    plain = WEIGHT.sub("", text)
    assert "\x1b" not in plain, "it moves the cursor"
    lines = plain.replace("\r\n", "\n").splitlines()
    assert len(lines) < ROWS, text  # One is left for the prompt.
    assert max(map(len, lines)) <= COLUMNS
    return lines


def code(folder):
    return {path: (folder / path).read_bytes() for path in diffs.code(folder)}


def test_learner_walks_from_01_to_05_by_solve(run, tmp_path):
    mine, following = tmp_path / "work", ["begin"]
    for step in all_steps():
        begun, solved = run(*following), run("solve")

        assert (begun[0], solved[0]) == (PASS, PASS)
        assert fits(begun[1])[0].startswith(f"Step {step.number}, ")
        assert fits(solved[1])[-1] == "Next: python3 start.py check"
        assert code(mine) == code(step.folder)
        following = ["begin", f"{int(step.number) + 1:02}"]

    hinted, status = fits(run("hint")[1]), fits(run("status")[1])
    assert hinted[0].startswith("Task 1 of ")
    assert any(re.search(r"05 .*now .*1 of ", line) for line in status)
    assert code(mine) == code(find("05").folder)


def test_learner_who_is_lost_is_caught_up_and_comes_back(run, tmp_path):
    mine = tmp_path / "work"
    run("begin", "02")
    (mine / "pico.py").write_text("class Pico: lost\n", "utf-8")
    words = [["solve"], ["undo"], ["goto", "03"], ["undo", "2"]]

    outcomes = [run(*some) for some in words]

    assert [status for status, _ in outcomes] == [FAIL, PASS, PASS, PASS]
    for _, text in outcomes:
        fits(text)
    # The second backup is the one of `undo`: what `solve` had made.
    found = (mine / "pico.py").read_text("utf-8")
    assert found.startswith("<<<<<<< mine\nclass Pico: lost\n=======\n")
