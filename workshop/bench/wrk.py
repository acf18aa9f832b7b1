"""Let wrk ask, where it is installed.

Knows: how wrk is told its request, how its sums are read.
Does not know: the server's clock, which step it is.

wrk checks no content. So our own generator verifies answers before and after,
and wrk's sums must fit: no status but 2xx or 3xx, no error, and as many bytes
as its answers times the verified length, but for those cut off at the end.

Starting takes it some milliseconds and all its connections. So between two
turns it sleeps, by SIGSTOP, and after the last one it is asked for its sums.
"""

import contextlib
import copy
import functools
import json
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.load import PATIENCE, Builtin, Run
from workshop.errors import ENVIRONMENT, FAIL, USAGE, WorkshopError
from workshop.serving import undisturbed

LONG = 3600  # wrk knows whole seconds only: we stop it ourselves.

SCRIPT = """
wrk.format = function() return REQUEST end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"answers": %d, "bytes": %d, "errors": %d, "statuses": %d}\\n',
    summary.requests, summary.bytes,
    e.connect + e.read + e.write + e.timeout, e.status))
end
"""


def installed() -> bool:
    """Return whether there is a wrk on this machine."""
    return shutil.which("wrk") is not None


def version() -> str:
    """Return the first words of wrk about itself: `wrk 4.1.0`."""
    said = subprocess.run(
        ["wrk", "-v"], capture_output=True, check=False, encoding="utf-8"
    )
    return " ".join((said.stdout + said.stderr).split()[:2])


def quoted(data: bytes) -> str:
    """Return bytes as a string of Lua.

    >>> quoted(b'A"')
    '"\\\\065\\\\034"'
    """
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'


class Wrk:
    """wrk as a generator; answers are verified by our own."""

    process: subprocess.Popen[str] | None = None  # while it has turns
    seconds = 0.0  # of these turns
    length = 0
    pipelined = 1

    def __init__(self, connections: int = 32) -> None:
        if not installed():
            raise WorkshopError(
                "wrk is not installed: install it, or use --load builtin.",
                ENVIRONMENT,
            )
        self.name = version()
        self.connections = self.asking = connections
        self.builtin = Builtin(1, connections)
        self.scripts = Path(tempfile.mkdtemp())
        self.processes: list[subprocess.Popen[str]] = []  # that still run
        self.command: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for process in [*self.processes]:
            self.end(process)
        self.builtin.__exit__(kind, error, where)
        shutil.rmtree(self.scripts)

    def another(self) -> Self:
        """Return what asks one more server; it ends with this one."""
        found = copy.copy(self)
        found.builtin = self.builtin.another()
        return found

    def open(self, host: str, port: int, case: Case) -> Run:
        """Verify the first answers, and note how long an answer is."""
        if case.cuts:
            raise WorkshopError(
                f"wrk cannot cut a request ({case.name}) into segments: use"
                " --load builtin.",
                USAGE,
            )
        script = self.scripts / f"{port}.lua"
        request = quoted(case.request * case.pipelined)
        text = SCRIPT.replace("REQUEST", request)
        script.write_text(text, encoding="ascii")
        self.asking = case.connections or self.connections
        self.pipelined = case.pipelined
        self.command = [
            *("wrk", "-t1", f"-c{self.asking}", f"-d{LONG}s"),
            *("--timeout", f"{PATIENCE:.0f}s"),
            *("-s", str(script), f"http://{host}:{port}/"),
        ]
        few = replace(case, connections=0)  # The others are for wrk.
        self.verify = functools.partial(self.builtin.open, host, port, few)
        run = self.verify()
        self.builtin.close()
        self.length = run.length
        return run

    def turn(self, seconds: float) -> None:
        """Let wrk ask for some seconds, then let it sleep."""
        began = time.monotonic()
        if self.process is None:
            self.process = self.start()
        else:
            self.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGSTOP)
        self.seconds += time.monotonic() - began

    def start(self) -> subprocess.Popen[str]:
        """Start wrk; return it when its second thread is there: that asks."""
        with undisturbed():  # What has no name cannot be ended.
            process = subprocess.Popen(
                self.command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
            self.processes.append(process)
        threads = psutil.Process(process.pid).num_threads
        while process.poll() is None and threads() < 2:
            time.sleep(0.001)
        return process

    def sums(self) -> Run:
        """Check what wrk says of all turns, and return it as one run."""
        for longer in (1, 2, 4):
            sums, seconds = self.said(), self.seconds
            if sums["answers"]:
                break
            self.turn(longer * seconds)  # This machine is crowded.
        else:
            raise WorkshopError(
                "wrk got no answer at all: this machine is too busy, or the"
                " server hangs. Try again, or use --load builtin.",
                FAIL,
            )
        self.seconds = 0.0
        self.check(sums)
        return Run(sums["answers"], seconds, None, self.length)

    def said(self) -> dict[str, int]:
        """Stop wrk, and return what its script adds up."""
        process, self.process = self.process, None
        assert process
        process.send_signal(signal.SIGCONT)
        said = ""
        for _ in range(50):
            # Its first thread ends it, but another may take the signal.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                said, _ = process.communicate(timeout=0.1)
                break
        self.end(process)
        if not said.strip():  # It was stopped before it had begun.
            return {"answers": 0}
        try:
            sums: dict[str, int] = json.loads(said.strip().splitlines()[-1])
        except ValueError:
            raise WrongAnswer(f"wrk said {said.strip()[-200:]!r}") from None
        return sums

    def end(self, process: subprocess.Popen[str]) -> None:
        """Leave nothing of a process."""
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
        self.processes.remove(process)

    def run(self, seconds: float) -> Run:
        """Let wrk ask for some seconds; return what it brought."""
        self.turn(seconds)
        return self.sums()

    def check(self, sums: dict[str, int]) -> None:
        """WrongAnswer if the sums do not fit the verified answer."""
        if sums["errors"] or sums["statuses"]:
            raise WrongAnswer(
                f"wrk counted {sums['errors']} errors and"
                f" {sums['statuses']} answers with another status"
            )
        most = self.asking * self.pipelined
        cut_off = sums["bytes"] - sums["answers"] * self.length
        if not 0 <= cut_off <= most * self.length:
            raise WrongAnswer(
                f"wrk read {sums['bytes']} bytes for {sums['answers']}"
                f" answers of {self.length}"
            )

    def close(self) -> Run:
        """Verify once more, on connections of our own."""
        self.verify()
        return self.builtin.close()
