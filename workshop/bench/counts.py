"""Count what one warm request costs, exactly.

Knows: bytecodes, Python calls, C calls, writes, tasks; the tracing of CPython.
Does not know: clocks, sockets; what C code does inside.

A step is loaded in a process of its own, its protocol is fed by hand on a
fake transport and a fake loop, and the interpreter itself reports what it
executes. The counts are the same in each run, for each hash seed and in each
process, for one minor version of Python and one httptools.

    bytecodes     instructions that the interpreter executed
    python_calls  functions, coroutines and generators that began
    c_calls       calls of built-in functions and methods, made by Python code
    writes        calls of transport.write and writelines
    tasks         tasks that were created

Counts are blind inside C: a C parser looks free. Always look at the CPU time
beside them.
"""

import asyncio
import faulthandler
import gc
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import types
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, cast

from workshop.bench import fake
from workshop.bench.cases import Answer, Case, all_judged
from workshop.errors import FAIL, WorkshopError
from workshop.mistakes import explained
from workshop.tracebacks import late

LIMIT = "WORKSHOP_LIMIT"  # names the seconds that a count may take
PATIENCE = 60  # seconds, if nobody says; a count takes one or two
STACKS = 0.4  # seconds for which a count writes stacks, until time is up
WARM, COUNTED = 20, 5
WORDS = {
    "bytecodes": "bytecodes",
    "python_calls": "Python calls",
    "c_calls": "C calls",
    "writes": "writes",
    "tasks": "tasks",
}
APART = {__file__, fake.__file__}  # Frames of these files cost nothing.
BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType)


@dataclass(frozen=True)
class Counts:
    """What one warm request costs; not whole if pipelined ones share it."""

    bytecodes: float
    python_calls: float
    c_calls: float
    writes: float
    tasks: float


class Inexact(WorkshopError):
    """The same warm request does not cost the same twice."""

    def __init__(self, folder: Path, counts: list[Counts]) -> None:
        super().__init__(
            f"{folder.name} cannot be counted exactly: the same request cost"
            f" {counts[0]}, then {counts[-1]}.",
            FAIL,
        )


class Meter:
    """Count what the interpreter does inside a `with` block."""

    def __init__(self) -> None:
        self.bytecodes = self.python_calls = self.c_calls = 0
        self.files: Counter[str] = Counter()  # bytecodes of each


class TraceMeter(Meter):
    """The meter for Python 3.11: sys.settrace and sys.setprofile."""

    def __enter__(self) -> Self:
        self.before = sys.gettrace()  # Coverage may look on.
        sys.setprofile(self.on_profile)
        sys.settrace(self.on_frame)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(self.before)
        sys.setprofile(None)

    def on_frame(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        """A frame begins, or goes on after an await."""
        code = frame.f_code
        if code.co_filename in APART:
            return None
        # The frame stands at RESUME; its argument is 0 if it begins.
        if code.co_code[frame.f_lasti + 1] == 0:
            self.python_calls += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self.on_opcode

    def on_opcode(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        if event == "opcode":
            self.bytecodes += 1
            self.files[frame.f_code.co_filename] += 1
        return self.on_opcode

    def on_profile(self, frame: types.FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and frame.f_code.co_filename not in APART:
            self.c_calls += 1


class MonitoringMeter(Meter):
    """The meter for Python 3.12 and later: sys.monitoring."""

    def __enter__(self) -> Self:
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 (3.11)
        self.monitoring, events = monitoring, monitoring.events
        self.tool = monitoring.PROFILER_ID
        monitoring.use_tool_id(self.tool, "workshop")
        for event, callback in (
            (events.INSTRUCTION, self.on_instruction),
            (events.PY_START, self.on_start),
            (events.CALL, self.on_call),
        ):
            monitoring.register_callback(self.tool, event, callback)
        monitoring.set_events(
            self.tool, events.INSTRUCTION | events.PY_START | events.CALL
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.monitoring.set_events(self.tool, 0)
        self.monitoring.free_tool_id(self.tool)

    def on_instruction(self, code: types.CodeType, offset: int) -> Any:
        if code.co_filename in APART:
            return self.monitoring.DISABLE
        self.bytecodes += 1
        self.files[code.co_filename] += 1

    def on_start(self, code: types.CodeType, offset: int) -> Any:
        if code.co_filename in APART:
            return self.monitoring.DISABLE
        self.python_calls += 1

    def on_call(
        self, code: types.CodeType, offset: int, called: object, arg: Any
    ) -> Any:
        if code.co_filename in APART:
            return self.monitoring.DISABLE
        if isinstance(called, BUILT_IN):
            self.c_calls += 1


def new_meter() -> Meter:
    """Return the meter for this version of Python."""
    if sys.version_info >= (3, 12):
        return MonitoringMeter()
    return TraceMeter()


class Bench:
    """One protocol on a fake transport and a fake loop."""

    def __init__(self, make_protocol: Any) -> None:
        self.loop: Any = fake.Loop()
        asyncio._set_running_loop(cast(Any, self.loop))
        self.transport = fake.Transport()
        self.files: Counter[str] = Counter()  # bytecodes, counted last
        self.protocol = make_protocol()
        self.transport.set_protocol(self.protocol)
        self.protocol.connection_made(self.transport)
        self.loop.turn()

    def feed(self, segments: list[bytes]) -> None:
        """Let segments arrive, each in a turn of its own."""
        # Another bench may have run; Python 3.14 looks whose turn it is.
        asyncio._set_running_loop(self.loop)
        for segment in segments:
            self.protocol.data_received(segment)
            self.loop.turn()

    def count(self, segments: list[bytes]) -> tuple[Counts, bytes]:
        """Return the counts of one request, and the bytes it was answered."""
        self.transport.written.clear()
        self.loop.tasks = 0
        meter: Any = new_meter()
        with meter:
            self.feed(segments)
        if self.loop.errors:
            raise self.loop.errors[0].get("exception") or AssertionError(
                self.loop.errors[0]["message"]
            )
        self.files = meter.files
        written = self.transport.written
        return Counts(
            meter.bytecodes,
            meter.python_calls,
            meter.c_calls,
            len(written),
            self.loop.tasks,
        ), b"".join(written)

    def warm_counts(
        self, segments: list[bytes]
    ) -> tuple[list[Counts], list[bytes]]:
        """Return the counts and answers of some warm requests."""
        for _ in range(WARM):
            self.feed(segments)
        gc.collect()
        gc.disable()
        try:
            pairs = [self.count(segments) for _ in range(COUNTED)]
        finally:
            gc.enable()
        return [counts for counts, _ in pairs], [data for _, data in pairs]


def freeze_clocks() -> None:
    """Let time stand still for modules that are imported from now on.

    A Date is made once a second: without this, a count would depend on when
    the second changes. The clocks are replaced by functions written in C.
    """
    now = 1_000_000_000
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        setattr(time, name, float(now).conjugate)
        setattr(time, f"{name}_ns", now.conjugate)


def protocol_maker(folder: Path, program: Path | None) -> Any:
    """Load a step, or a program on a step; return what makes a protocol."""
    sys.path.insert(0, str(folder))
    path = program or folder / "app.py"
    if not path.is_file():
        return importlib.import_module("pico").Protocol
    spec = importlib.util.spec_from_file_location("program", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = module.app
    return lambda: app.Protocol(app)


def main() -> None:
    """Count in this process, for `count` in another one."""
    if LIMIT in os.environ:
        tell_later(float(os.environ[LIMIT]))
    order = json.load(sys.stdin)
    segments = [text.encode("latin-1") for text in order["segments"]]
    program = Path(order["program"]) if order["program"] else None
    freeze_clocks()
    bench = Bench(protocol_maker(Path(order["folder"]), program))
    counts, answers = bench.warm_counts(segments)
    report = {
        "counts": [asdict(each) for each in counts],
        "answers": [data.decode("latin-1") for data in answers],
    }
    print()  # The last line is ours, whatever the step has printed.
    print(json.dumps(report))


def tell_later(limit: float) -> None:
    """Write stacks, and end, unless this process has ended by then.

    limit: seconds. One stack would not tell a loop that awaits from code that
    does not come back; Windows has no signal for more.
    """
    faulthandler.dump_traceback_later(limit, exit=True)
    if sys.platform != "win32":
        faulthandler.register(signal.SIGALRM, all_threads=False)
        begin = max(limit - STACKS, limit / 2)
        signal.setitimer(signal.ITIMER_REAL, begin, STACKS / 20)


def alone() -> dict[str, str]:
    """Return our variables without those that let coverage look on."""
    return {k: v for k, v in os.environ.items() if "COVERAGE" not in k}


def count(
    folder: Path,
    case: Case,
    program: Path | None = None,
    env: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> tuple[Counts, Answer]:
    """Return what one warm request costs, and its answer.

    WrongAnswer if its answer is wrong, Inexact if one warm request does not
    cost the same as the next, WorkshopError if it cannot be loaded.
    """
    order = {
        "folder": str(folder),
        "program": str(program) if program else None,
        "segments": [part.decode("latin-1") for part in case.segments],
    }
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [python, "-m", "workshop.bench.counts"],
        input=json.dumps(order),
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=root,
        env={
            LIMIT: str(PATIENCE),
            **alone(),
            **(env or {}),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    if done.returncode:
        hangs = late(done.stderr, folder)
        raise hangs or explained(done.stderr, folder / "pico.py")
    report = json.loads(done.stdout.splitlines()[-1])
    for text in report["answers"]:
        answer = all_judged(case, text.encode("latin-1"))[0]
    counts = [Counts(**each) for each in report["counts"]]
    if len(set(counts)) > 1:
        raise Inexact(folder, counts)
    return shared(counts[0], case.pipelined), answer


def shared(counts: Counts, number: int) -> Counts:
    """Return what each of pipelined requests costs.

    >>> shared(Counts(330, 32, 48, 1, 0), 16).writes
    0.06
    """
    if number == 1:
        return counts
    each = {k: round(v / number, 2) for k, v in asdict(counts).items()}
    return Counts(**each)


if __name__ == "__main__":
    main()
