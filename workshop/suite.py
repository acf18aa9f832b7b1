"""Run all checks of the repository: the one command for them.

Knows: ruff, mypy, pytest, and where each of them begins.
Does not know: what the tests test.

`python3 start.py test` comes here. Lint and types first, all of them, then
the tests, whose summary is the end of the output. Words are handed to pytest:
`python3 start.py test -k wire`. Without words the run ends with the branches
of step 05's rooms that no test has seen, in this process or in a server.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from workshop import serving
from workshop.errors import FAIL, INTERRUPTED, PASS
from workshop.steps import ROOT, all_steps

COVERAGE = ROOT / "workshop" / "coverage.ini"
COVERED = "WORKSHOP_COVERED"  # tells workshop.plugin of these settings
HELP = """Usage: python3 start.py test [WORDS]

Run ruff, mypy and the whole suite. WORDS are for pytest, and choose tests.

  python3 start.py test
  python3 start.py test -k wire
  python3 start.py test tests/test_flow.py -x"""
# Plugins that take a second to import, and are not needed.
LEAN = ["-p", "no:nbval", "-p", "no:anyio", "-p", "no:pytest_cov"]
PATIENCE = 30.0  # seconds, for what was interrupted to end by itself
PROCESSES = (os.cpu_count() or 1) + 1  # One of them waits now and then.


@dataclass(frozen=True)
class Check:
    """One program that passes or fails."""

    name: str
    words: Sequence[str]
    folder: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> tuple[int, str]:
        """Return the exit status and what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *self.words],
            cwd=self.folder,
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        return done.returncode, done.stdout


def checks() -> list[Check]:
    """Return lint, format and types; mypy once for each step.

    The rooms of two steps have the same names: to mypy in one run they would
    be one module in two places.
    """
    return [
        Check("ruff check", ["ruff", "check", "."]),
        Check("ruff format", ["ruff", "format", "--check", "."]),
        Check("mypy workshop", ["mypy", "--strict", "workshop"]),
        # Else each of the processes would compile all tests by itself.
        Check("tests", ["pytest", "--collect-only", "-qq", *LEAN]),
        *(rooms(step.folder) for step in all_steps()),
    ]


def rooms(folder: Path) -> Check:
    """Return the check of one step's types, with a cache of its own.

    A guarded import and a property without a decorator are assignments that
    mypy cannot follow; a dict of strings and patterns it takes for objects,
    and of an empty one it wants to know more. What is checked is the rest:
    names, attributes, numbers of arguments.
    """
    own = [
        f"--config-file={ROOT / 'pyproject.toml'}",
        f"--cache-dir={ROOT / '.mypy_cache' / folder.name}",
        "--disable-error-code=assignment",
        "--disable-error-code=arg-type",
        "--disable-error-code=misc",
        "--disable-error-code=truthy-function",
        "--disable-error-code=var-annotated",
        "--explicit-package-bases",
        "--follow-imports=silent",  # workshop/ is checked by itself.
        ".",
    ]
    return Check(
        f"mypy {folder.name}", ["mypy", *own], folder, {"MYPYPATH": str(ROOT)}
    )


def report(check: Check) -> bool:
    """Run a check, print one line and what it found; return if it passed."""
    began = time.monotonic()
    status, output = check.run()
    took = time.monotonic() - began
    lines = [f"{'FAIL' if status else 'PASS'}  {check.name}  {took:.1f} s"]
    if status:
        lines += ["    " + line for line in output.splitlines()]
    print("\n".join(lines), flush=True)
    return status == 0


def pytest(words: Sequence[str]) -> int:
    """Run the tests that these words choose; return the exit status."""
    return python("pytest", *words)


def covered() -> int:
    """Run all tests, and tell which branches of step 05 none has seen.

    Each process takes a file of tests at a time; `-k` and other words do not
    come here, so that a test that is looked at runs alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = {"COVERAGE_FILE": str(Path(folder) / "data")}
        settings = f"--rcfile={COVERAGE}"
        words = ["-n", str(PROCESSES), "--dist", "loadfile"]
        words += ["--no-loadscope-reorder"]  # workshop.plugin orders them
        env = {**data, COVERED: str(COVERAGE)}
        tests = python("pytest", *words, *LEAN, env=env)
        words = ["coverage", "combine", settings, "-q"]
        Check("coverage", words, env=data).run()
        for rest in Path(folder).glob("data.*"):
            rest.unlink()  # of a server that was killed while it wrote
        seen = python("coverage", "report", settings, env=data)
    return tests or seen


def python(*words: str, env: Mapping[str, str] | None = None) -> int:
    """Run a module here, and let it print; return the exit status.

    Ctrl-C is for the module, too: it has time to tell what it found.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    try:
        return serving.wait(process)
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        raise
    finally:
        serving.end(process)


def main(words: Sequence[str], first: Sequence[Check]) -> int:
    """Run checks first, then pytest with these words; 0 if all passed."""
    if {"--help", "-h"} & {*words}:
        print(HELP)
        return PASS
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            passed = all(list(pool.map(report, first)))
        tests = pytest(words) if words else covered()
    except KeyboardInterrupt:
        print("Interrupted: what was started is ended.", file=sys.stderr)
        return INTERRUPTED
    if not passed:
        print("FAIL: a check before the tests found something, see above.")
    return PASS if passed and tests == 0 else FAIL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], checks()))
