"""Tell the command line what became of each test, one line of JSON each.

Knows: pytest's reports, where in a test it failed, what it compared.
Does not know: how outcomes are shown; the likely cause of one.
"""

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from workshop.mistakes import shown
from workshop.serving import Target, number_of

LONG = 8192  # letters of anything that is told
NOTES = pytest.StashKey["Seen"]()


@dataclass
class Seen:
    """What was seen of a promise that is broken; bytes as latin-1."""

    sent: list[str] = field(default_factory=list)  # segment by segment
    received: str = ""
    end: str = ""  # of the connection, as `Exchange` says it
    garbage: str = ""  # what h11 says of bytes that are no answer
    statement: str = ""  # the line of the test that failed
    left: str = ""  # what it compared: what came, as Python writes it
    operator: str = ""
    right: str = ""  # what was expected
    error: str = ""  # an exception of the folder's code: "KeyError: 'x'"
    where: str = ""  # its file and line: "work/pico.py, line 7"
    stuck: str = ""  # the line where its server hung
    ended: str = ""  # how its server ended: "status 0"
    loose: str = ""  # an exception that nobody caught: "RuntimeError"
    program: str = ""  # what ran on the folder, if not its own app
    awaited: str = ""  # what is said of a coroutine that was not


@dataclass(frozen=True)
class Outcome:
    """What became of a promise on one target."""

    nodeid: str
    word: str  # "begun", then "kept", "broken"...; last "finished"
    target: str = ""  # "03", or the name of a folder
    case: str = ""  # the other parameters of the test
    fails: bool = False  # It has to fail there.
    reason: str = ""
    place: str = ""  # file:line of the test
    seen: dict[str, Any] = field(default_factory=dict)  # of a broken one


class JsonLines:
    """Prints outcomes, instead of pytest's own report."""

    def __init__(self) -> None:
        self.outcome = Outcome("", "begun")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the place of pytest's own report."""
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        config.pluginmanager.unregister(reporter)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        self.outcome = begun(item)
        self.tell("begun")
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.outcome = Outcome(report.nodeid, "begun")
            self.tell("broken", report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            seen = getattr(report, "workshop_seen", None)
            self.tell("broken", *blame(report), seen)
        elif report.skipped and not hasattr(report, "wasxfail"):
            self.tell("not applicable", why(report))
        elif report.when == "call":
            self.tell("kept")

    def pytest_sessionfinish(self) -> None:
        """Say that this is all: who is cut short says nothing."""
        self.outcome = Outcome("", "begun")
        self.tell("finished")

    def tell(
        self,
        word: str,
        reason: str = "",
        place: str = "",
        seen: Seen | None = None,
    ) -> None:
        said = {"word": word, "reason": reason[:LONG], "place": place}
        more = {"seen": asdict(seen)} if seen else {}
        print(json.dumps({**asdict(self.outcome), **said, **more}), flush=True)


def begun(item: pytest.Item) -> Outcome:
    """Return what is known of a test before it runs."""
    parameters: Any = getattr(item, "callspec", None)
    if parameters is None:
        return Outcome(item.nodeid, "begun")
    target = parameters.params.get("target")
    if not isinstance(target, Target):
        return Outcome(item.nodeid, "begun", case=parameters.id)
    name = number_of(target) or target.name
    fails = f"-{name}-fails-" in f"-{parameters.id}-"
    label = f"-{name}-fails-" if fails else f"-{name}-"
    case = f"-{parameters.id}-".replace(label, "-", 1).strip("-")
    return Outcome(item.nodeid, "begun", name, case, fails)


def blame(report: pytest.TestReport) -> tuple[str, str]:
    """Return what is wrong, and in which line of the test."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return report.longreprtext, ""
    path, line = crash.path, crash.lineno
    traceback = getattr(report.longrepr, "reprtraceback", None)
    for entry in getattr(traceback, "reprentries", ()):
        found = getattr(entry, "reprfileloc", None)
        if found and Path(found.path).name == Path(report.fspath).name:
            path, line = found.path, found.lineno
    if "site-packages" in Path(path).parts:  # It was found afterwards.
        return crash.message, shown(Path(report.fspath).absolute())
    return crash.message, f"{shown(Path(path).absolute())}:{line}"


def why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the reason of a skip."""
    place = report.longrepr
    reason = place[2] if isinstance(place, tuple) else report.longreprtext
    return reason.removeprefix("Skipped: ")
