"""Wait, block, compute or answer at once, in four handlers.

Knows: pico.
Does not know: whether a loop or threads run it; that it is measured.

`WAIT` and `WORK` say how long, in seconds.
"""

import asyncio
import os
import time

from pico import Pico

WAIT = float(os.environ.get("WAIT", "0.02"))
WORK = float(os.environ.get("WORK", "0.05"))
app = Pico()


@app.route("/wait")
async def wait(request, response):
    await asyncio.sleep(WAIT)
    response.body = "waited"


@app.route("/block")
async def block(request, response):
    time.sleep(WAIT)  # noqa: ASYNC251 (the classic bug; right in a thread)
    response.body = "waited"


@app.route("/compute")
async def compute(request, response):
    end = time.thread_time() + WORK
    while time.thread_time() < end:
        pass
    response.body = "computed"


@app.route("/tiny")
async def tiny(request, response):
    response.body = "tiny"


if __name__ == "__main__":
    app.run()
