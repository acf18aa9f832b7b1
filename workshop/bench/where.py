"""Find in which files the work of a warm request is done.

Knows: frames, the clock of used CPU time that ticks, exact counts.
Does not know: sockets; what a file is about; what is concluded.

The same requests are first counted, then sampled: at each tick it is noted
which file runs. What a C function takes belongs to the file that calls it.
The interpreter notices a tick at its next call or jump, so that a file may
get a tick of the one before. There are no such ticks on Windows.
"""

import json
import signal
import subprocess
import sys
import sysconfig
import time
import types
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from workshop.bench.arms import Arm
from workshop.bench.cases import all_judged
from workshop.bench.counter import order
from workshop.bench.counts import (
    APART,
    Bench,
    alone,
    freeze_clocks,
    protocol_maker,
)
from workshop.bench.measure import reason
from workshop.bench.ratios import interval
from workshop.errors import ENVIRONMENT, WorkshopError
from workshop.mistakes import explained
from workshop.steps import ROOT

TICK = 0.001  # seconds of CPU time
SOME = 500  # requests between two looks at the clock
OTHERS = "standard library"
STANDARD = sysconfig.get_path("stdlib")
OURS = {*APART, __file__}


@dataclass(frozen=True)
class Where:
    """What one warm request costs in each room, and in others' files."""

    bytecodes: dict[str, int]
    cpu_us: dict[str, float]  # sampled; the stand-in of a loop left out


class Sampler:
    """Notes which file runs, at each tick of used CPU time."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self.on_tick)
        signal.setitimer(signal.ITIMER_PROF, TICK, TICK)
        return self

    def __exit__(self, *exc_info: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def on_tick(self, number: int, frame: types.FrameType | None) -> None:
        if frame:
            self.files[frame.f_code.co_filename] += 1


def main() -> None:
    """Count and sample in this process, for `where` in another one."""
    asked = json.load(sys.stdin)
    segments = [text.encode("latin-1") for text in asked["segments"]]
    program = Path(asked["program"]) if asked["program"] else None
    used = time.process_time
    freeze_clocks()
    bench = Bench(protocol_maker(Path(asked["folder"]), program))
    _, answers = bench.warm_counts(segments)
    number, began = 0, used()
    with Sampler() as sampler:
        while used() < began + asked["seconds"]:
            for _ in range(SOME):
                bench.transport.written.clear()
                bench.feed(segments)
            number += SOME
    report = {
        "answers": [data.decode("latin-1") for data in answers],
        "bytecodes": bench.files,
        "ticks": sampler.files,
        "cpu_us": (used() - began) / number * 1e6,
    }
    print()  # The last line is ours, whatever the step has printed.
    print(json.dumps(report))


def needs_ticks() -> None:
    """Raise a sentence on Windows."""
    if not hasattr(signal, "setitimer"):
        raise WorkshopError(
            "Windows has no clock of used CPU time that ticks: look at it on"
            " Linux or macOS, or in WSL.",
            ENVIRONMENT,
        )


def where(arm: Arm, seconds: float) -> Where:
    """Return where one warm request of an arm is worked at.

    WrongAnswer if its answer is wrong, WorkshopError if it cannot be loaded.
    """
    done = subprocess.run(
        [sys.executable, "-m", "workshop.bench.where"],
        input=json.dumps({**order(arm), "seconds": seconds}),
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=ROOT,
        env={**alone(), **arm.env, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode:
        raise explained(done.stderr, arm.folder / "pico.py")
    report = json.loads(done.stdout.splitlines()[-1])
    for text in report["answers"]:
        all_judged(arm.case, text.encode("latin-1"))
    return Where(
        by_room(report["bytecodes"]), timed(report["ticks"], report["cpu_us"])
    )


def timed(ticks: Mapping[str, int], cpu_us: float) -> dict[str, float]:
    """Return the share of each room; nothing if no tick came.

    >>> timed({"/s/flow.py": 3, __file__: 1}, 8.0), timed({}, 8.0)
    ({'flow': 6.0}, {})
    """
    each = cpu_us / max(1, sum(ticks.values()))
    return {room: number * each for room, number in by_room(ticks).items()}


@dataclass
class Looks:
    """All looks into some arms, launch after launch."""

    arms: Mapping[str, Arm]
    launches: int
    seconds: float  # of each
    taken: dict[str, list[Where]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)  # arm: reason

    def take(self, tell: Callable[[str, float], None]) -> None:
        """Look into the arms in turn; one that is wrong runs no more."""
        needs_ticks()
        for number in range(self.launches):
            for name, arm in self.arms.items():
                tell(f"look {number + 1} into {name}", number / self.launches)
                if name in self.wrong:
                    continue
                try:
                    look = where(arm, self.seconds)
                except WorkshopError as error:
                    self.wrong[name] = reason(error)
                else:
                    self.taken.setdefault(name, []).append(look)

    def points(self) -> list[dict[str, Any]]:
        """Return a point for each room, and one for each arm that is wrong."""
        every = [look for looks in self.taken.values() for look in looks]
        rooms = sorted({room for look in every for room in look.bytecodes})
        found: list[dict[str, Any]] = [
            {
                "name": room,
                "steps": {
                    name: about(room, looks)
                    for name, looks in self.taken.items()
                    if room in looks[0].bytecodes
                },
                "wrong": None,
            }
            for room in rooms
        ]
        return found + [
            {"name": name, "steps": {}, "wrong": why}
            for name, why in self.wrong.items()
        ]


def about(room: str, looks: Sequence[Where]) -> dict[str, Any]:
    """Return what is known of a room: counts, and time if it got ticks."""
    took = [look.cpu_us.get(room, 0) for look in looks]
    return {
        "bytecodes": looks[0].bytecodes[room],
        "cpu_us": asdict(interval(took)) if all(took) else None,
        "samples": took,
    }


def by_room(files: Mapping[str, int]) -> dict[str, int]:
    """Return sums for each room; our own stand-ins are left out.

    >>> by_room({"/s/flow.py": 3, json.__file__: 1, "<string>": 1})
    {'flow': 3, 'standard library': 2}
    """
    rooms: Counter[str] = Counter()
    for file, number in files.items():
        if file not in OURS:
            standard = file.startswith((STANDARD, "<"))
            rooms[OTHERS if standard else Path(file).stem] += number
    return dict(rooms)


if __name__ == "__main__":
    main()
