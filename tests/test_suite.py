"""One command for all checks: each is shown, any failure is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workshop import suite
from workshop.errors import INTERRUPTED
from workshop.steps import ROOT, all_steps
from workshop.suite import Check

GOOD = Check("good", ["platform"])
BAD = Check("bad", ["no_such_module"])


def test_suite_checks_lint_format_and_types_of_each_step():
    assert [check.name for check in suite.checks()] == [
        "ruff check",
        "ruff format",
        "mypy workshop",
        "tests",
        *(f"mypy {step.name}" for step in all_steps()),
    ]


@pytest.mark.parametrize(
    ("first", "tests", "status"),
    [
        ([GOOD], "--version", 0),
        ([GOOD, BAD], "--version", 1),
        ([BAD, GOOD], "--version", 1),
        ([GOOD], "--no-such-option", 1),
    ],
)
def test_suite_fails_if_any_check_fails(first, tests, status, capfd):
    assert suite.main([tests], first) == status

    printed = capfd.readouterr().out
    assert ("PASS  good" in printed) == (GOOD in first)
    assert ("FAIL  bad" in printed) == (BAD in first)
    assert ("No module named no_such_module" in printed) == (BAD in first)


def test_suite_says_how_to_choose_tests(capfd):
    assert suite.main(["--help"], [BAD]) == 0

    assert "start.py test -k wire" in capfd.readouterr().out


def test_suite_ends_with_the_summary_of_the_tests(capfd):
    suite.main(["--version"], [GOOD])

    assert capfd.readouterr().out.splitlines()[-1].startswith("pytest ")


def test_suite_tells_of_branches_even_if_a_test_fails(monkeypatch):
    asked = []

    def python(*words, env):
        asked.append(words[:2])
        return int("pytest" in words)

    monkeypatch.setattr(suite, "python", python)

    assert suite.covered() == 1
    assert asked == [("pytest", "-n"), ("coverage", "report")]


def test_data_of_a_server_that_was_killed_is_left_out(monkeypatch, capfd):
    left = []

    def python(*words, env):
        data = Path(env["COVERAGE_FILE"])
        if "pytest" in words:
            data.with_name("data.killed").write_bytes(b"begun")
        left.extend(data.parent.iterdir() if "report" in words else [])
        return 0

    monkeypatch.setattr(suite, "python", python)

    assert suite.covered() == 0
    assert (left, capfd.readouterr()) == ([], ("", ""))


BROKEN = """
import os, signal, time

def test_first():
    assert "what was wrong" == ""

def test_second():
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(1)  # longer than subprocess.call has patience
    raise KeyboardInterrupt
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal")
def test_suite_that_is_interrupted_tells_what_was_found(tmp_path):
    (tmp_path / "test_broken.py").write_text(BROKEN, "utf-8")
    words = ["-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    run = f"import sys, workshop.suite as s; sys.exit(s.main({words}, []))"
    done = subprocess.run(
        [sys.executable, "-c", run],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == INTERRUPTED
    assert "1 failed" in done.stdout
    assert "Interrupted: what was started is ended." in done.stderr
