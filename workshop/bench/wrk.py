"""Let wrk ask, where it is installed.

Knows: how wrk is told its request, how its sums are read.
Does not know: the server's clock, which step it is.

wrk checks no content. So our own generator verifies answers before and after,
and wrk's sums must fit: no status but 2xx or 3xx, no error, and as many bytes
as its answers times the verified length, but for those cut off at the end.
"""

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

from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.load import PATIENCE, Builtin, Run
from workshop.errors import ENVIRONMENT, FAIL, USAGE, WorkshopError

LONG = 3600  # wrk knows whole seconds only: we stop it ourselves.

SCRIPT = """
wrk.format = function() return REQUEST end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"answers": %d, "bytes": %d, "microseconds": %d, "errors": %d, '
    .. '"statuses": %d, "p50": %d, "p90": %d, "p99": %d, "p99.9": %d}\\n',
    summary.requests, summary.bytes, summary.duration,
    e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency:percentile(99.9)))
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

    def __init__(self, connections: int = 32) -> None:
        if not installed():
            raise WorkshopError(
                "wrk is not installed: install it, or use --load builtin.",
                ENVIRONMENT,
            )
        self.name = version()
        self.connections = self.asking = connections
        self.builtin = Builtin(1, connections)
        self.script = Path(tempfile.mkdtemp()) / "request.lua"
        self.url = ""
        self.length = 0
        self.pipelined = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.builtin.__exit__(kind, error, where)
        shutil.rmtree(self.script.parent)

    def open(self, host: str, port: int, case: Case) -> Run:
        """Verify the first answers, and note how long an answer is."""
        if case.cuts:
            raise WorkshopError(
                f"wrk cannot cut a request ({case.name}) into segments: use"
                " --load builtin.",
                USAGE,
            )
        self.url = f"http://{host}:{port}/"
        request = quoted(case.request * case.pipelined)
        script = SCRIPT.replace("REQUEST", request)
        self.script.write_text(script, encoding="ascii")
        self.asking = case.connections or self.connections
        few = replace(case, connections=0)  # The others are for wrk.
        run = self.builtin.open(host, port, few)
        self.length = run.length
        self.pipelined = case.pipelined
        return run

    def run(self, seconds: float) -> Run:
        """Let wrk ask for some seconds; check its sums."""
        for longer in (1, 2, 4, 8):  # On a crowded machine it starts late.
            sums = self.sums(seconds * longer)
            if sums["answers"]:
                break
        else:
            raise WorkshopError(
                "wrk got no answer at all: this machine is too busy, or the"
                " server hangs. Try again, or use --load builtin.",
                FAIL,
            )
        self.check(sums)
        took = sums["microseconds"] / 1e6
        wanted = {"p50": 2, "p90": 100, "p99": 1_000, "p99.9": 10_000}
        percentiles = {
            name: sums[name] / 1000
            for name, samples in wanted.items()
            if sums["answers"] >= samples
        }
        return Run(sums["answers"], took, None, percentiles, self.length)

    def sums(self, seconds: float) -> dict[str, int]:
        """Start wrk, stop it, and return what its script adds up."""
        process = subprocess.Popen(
            [
                *("wrk", "-t1", f"-c{self.asking}", f"-d{LONG}s"),
                *("--timeout", f"{PATIENCE:.0f}s"),
                *("-s", str(self.script), self.url),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        try:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            # The signal came just before it went to sleep for LONG.
            return {"answers": 0}
        finally:
            process.kill()
            process.communicate()
        if not said.strip():  # It was stopped before it had begun.
            return {"answers": 0}
        try:
            sums: dict[str, int] = json.loads(said.strip().splitlines()[-1])
        except ValueError:
            raise WrongAnswer(f"wrk said {said.strip()[-200:]!r}") from None
        return sums

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
        """Verify once more, then close the connections."""
        return self.builtin.close()
