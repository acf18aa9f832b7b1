"""What one request costs the last step: exact counts, and time in process.

Knows: the requests, the commit that asv has checked out.
Does not know: how to count; sockets.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from workshop.bench import workloads
from workshop.bench.arms import Arm
from workshop.bench.cases import judged
from workshop.bench.counts import Bench, protocol_maker

STEP = "05"
REQUESTS = ["hello", "browser", "position"]


def arm_of(request: str) -> Arm:
    """Return the arm of a request; a commit without it is passed over."""
    root = Path(os.environ["ASV_ENV_DIR"]) / "project"
    for folder in root.glob(f"steps/{STEP}_*"):
        for arm in workloads.arms(folder, STEP):
            if arm.case.name == request:
                return arm
    raise NotImplementedError  # asv's word for: not in this commit


class Counts:
    """Exact counts: the same in each run, on each machine."""

    params = REQUESTS
    param_names = ["request"]

    def setup(self, request: str) -> None:
        self.counts = workloads.counted(arm_of(request))

    def track_bytecodes(self, request: str) -> int:
        return self.counts["bytecodes"]

    def track_python_calls(self, request: str) -> int:
        return self.counts["python_calls"]

    def track_c_calls(self, request: str) -> int:
        return self.counts["c_calls"]


class Time:
    """Time from bytes to bytes, on a fake transport: no socket, no loop."""

    params = REQUESTS
    param_names = ["request"]

    def setup(self, request: str) -> None:
        arm = arm_of(request)
        self.bench: Any = Bench(protocol_maker(arm.folder, arm.program))
        self.request = [arm.case.request]
        self.time_request(request)
        judged(arm.case, self.answer)

    def teardown(self, request: str) -> None:
        asyncio._set_running_loop(None)

    def time_request(self, request: str) -> None:
        self.bench.feed(self.request)
        self.answer = b"".join(self.bench.transport.written)
        self.bench.transport.written.clear()


for name in ("bytecodes", "python_calls", "c_calls"):
    getattr(Counts, f"track_{name}").unit = name.replace("_", " ")
