"""Count request after request in one process that is started once.

Knows: how a folder is loaded anew, the exact counts of `counts`.
Does not know: what is counted, what it is compared with.

    with Counter() as counter:
        found, answer = counter.count(arm)

`counts` starts a process for each count, which is beyond doubt and takes
several times as long. A test sees that both count the same.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from unittest import mock

from workshop.bench import counts
from workshop.bench.arms import Arm
from workshop.bench.cases import Answer, all_judged
from workshop.bench.counts import Bench, Counts, Inexact
from workshop.errors import FAIL, WorkshopError
from workshop.steps import ROOT, entered


class Counter:
    """A process whose clocks stand still."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop.bench.counter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what a step says that is broken
            cwd=ROOT,
            encoding="utf-8",
            env=counts.alone(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.communicate()

    def count(self, arm: Arm) -> tuple[Counts, Answer]:
        """Return what one warm request costs, and its answer.

        WrongAnswer if its answer is wrong, Inexact if one warm request does
        not cost the same as the next, WorkshopError if it cannot be loaded.
        """
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order(arm)) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        if "wrong" in said:
            raise WorkshopError(said["wrong"], FAIL)
        for text in said["answers"]:
            answer = all_judged(arm.case, text.encode("latin-1"))[0]
        found = [Counts(**each) for each in said["counts"]]
        if len(set(found)) > 1:
            raise Inexact(arm.folder, found)
        return counts.shared(found[0], arm.case.pipelined), answer


def order(arm: Arm) -> dict[str, Any]:
    """Return what the process has to know of an arm."""
    return {
        "folder": str(arm.folder),
        "program": str(arm.program) if arm.program else None,
        "segments": [part.decode("latin-1") for part in arm.case.segments],
        "env": dict(arm.env),
    }


def counted(order: dict[str, Any]) -> dict[str, Any]:
    """Count in this process; return what there is to say, as data."""
    folder = Path(order["folder"])
    program = Path(order["program"]) if order["program"] else None
    segments = [text.encode("latin-1") for text in order["segments"]]
    try:
        with entered(folder), mock.patch.dict(os.environ, order["env"]):
            bench = Bench(counts.protocol_maker(folder, program))
            sys.path.remove(str(folder))  # It was put there a second time.
            found, answers = bench.warm_counts(segments)
    except Exception as error:  # Code that is not complete may do anything.
        return {"wrong": repr(error)}
    return {
        "counts": [asdict(each) for each in found],
        "answers": [data.decode("latin-1") for data in answers],
    }


def main() -> None:
    """Count what is asked for, line by line."""
    counts.freeze_clocks()
    for line in sys.stdin:
        print(json.dumps(counted(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
